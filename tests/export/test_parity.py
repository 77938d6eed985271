"""Parity counts the images that a bundle answers otherwise, and refuses too many."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import numpy as np
import pandas as pd
import pytest
import torch
from PIL import Image

from graft.core.errors import ExportError
from graft.data.presized import as_stored
from graft.evaluate.config import Abstain, Evaluate
from graft.evaluate.decision import Logits, decide, is_answered
from graft.evaluate.evaluation import Evaluation
from graft.export.config import Export, Int8
from graft.export.parity import compare, measure_parity, require_parity
from graft.images.decode import Square
from graft.predict import prediction
from graft.predict.bundle import Metadata
from graft.predict.predictor import Predictor
from graft.tasks import MultiLabel, SingleLabel
from tests.predict.tiny_bundle import CLASSES, SIZE, paint, probabilities, write_bundle

SIMILAR = np.asarray([[0.9, 0.1], [0.55, 0.45]], dtype=np.float32)


def evaluated(predicted: list[str]) -> pd.DataFrame:
    columns = {"p_a": [0.9, 0.2], "p_b": [0.1, 0.8]}
    return pd.DataFrame({"path": ["x", "y"], "label": ["a", "a"], "predicted": predicted} | columns).astype(str)


def test_parity_by_hand() -> None:
    found = compare(evaluated(["a", "b"]), SIMILAR, SingleLabel(["a", "b"]))
    assert found["mismatches"] == 1
    assert found["mismatched"] == [{"path": "y", "evaluated": "b", "exported": "a"}]
    assert found["largest_difference"] == 0.35
    require_parity(found, Export(max_mismatches=1))
    message = r"1 of 2 test images .* over export.max_mismatches = 0; the first is y: b became a"
    with pytest.raises(ExportError, match=message):
        require_parity(found, Export())


def test_not_sure_is_an_answer() -> None:
    exported = np.asarray([[0.9, 0.1], [0.3, 0.7]], dtype=np.float32)
    predictions = evaluated(["a", "b"]).assign(sure="yes")
    assert compare(predictions, exported, SingleLabel(["a", "b"]), 0.6)["mismatches"] == 0
    found = compare(predictions, exported, SingleLabel(["a", "b"]), 0.75)
    assert found["mismatched"] == [{"path": "y", "evaluated": "b", "exported": "not sure"}]
    assert found["correct"] == 1


def test_sure_means_the_same_to_evaluate_and_to_the_bundle() -> None:
    """Confidences of a saturated network, which six digits round to 1, and the threshold among them."""
    task, generator = SingleLabel(["a", "b"]), np.random.default_rng(0)
    margin = generator.uniform(8, 18, 400)
    logits = np.stack([margin, np.zeros(400)], axis=1).astype(np.float32)
    targets = (generator.random(400) < 0.02).astype(np.int64)
    config = Evaluate(calibrate=False, abstain=Abstain(coverage=0.5))
    decision = decide(task, Logits(logits[:200], targets[:200]), config)
    below = decision.abstain_below
    assert below is not None
    rows = pd.DataFrame({"path": [f"{number:03}" for number in range(200)], "group": ""})
    rows["label"] = task.format_labels(targets[200:])
    evaluation = Evaluation(rows, task, logits[200:], logits[200:], decision)
    served = torch.softmax(torch.from_numpy(logits[200:]), 1).numpy()
    coverage = is_answered(evaluation.probabilities.max(1), below).mean()
    metadata = cast("Metadata", SimpleNamespace(classes=task.classes, multi_label=False, abstain_below=below))
    assert coverage == np.mean([prediction.decide(row, metadata).sure for row in served])
    assert 0 < coverage < 1
    assert compare(evaluation.predictions.astype(str), served, task, below)["mismatches"] == 0


def test_a_share_of_the_images_may_change_in_eight_bits() -> None:
    found = compare(evaluated(["a", "b"]), SIMILAR, SingleLabel(["a", "b"]))
    parity = {"images": 2, "mismatches": 0, "int8": found}
    require_parity(parity, Export(int8=Int8(max_mismatches=0.5)))
    with pytest.raises(ExportError, match=r"over the share export.int8.max_mismatches = 0.4;"):
        require_parity(parity, Export(int8=Int8(max_mismatches=0.4)))


def test_parity_compares_sets_of_labels() -> None:
    predictions = evaluated(["a|b", "b"]).assign(p_a=["0.9", "0.2"], p_b=["0.6", "0.8"])
    exported = np.asarray([[0.9, 0.6], [0.2, 0.4]], dtype=np.float32)
    found = compare(predictions, exported, MultiLabel(["a", "b"]))
    assert found["mismatched"] == [{"path": "y", "evaluated": "b", "exported": ""}]
    assert found["largest_difference"] == 0.4
    with pytest.raises(ExportError, match="the first is y: b became no class"):
        require_parity(found, Export())


def test_every_model_of_the_bundle_is_measured_on_the_raw_files(tmp_path: Path) -> None:
    bundle = write_bundle(tmp_path / "bundle", models={"float": "model.onnx", "int8": "model.onnx"})
    paint(tmp_path / "raw/a.png", 200, 50, 50)
    shares = dict(zip((f"p_{name}" for name in CLASSES), probabilities(200, 50, 50), strict=True))
    row: dict[str, Any] = {"path": "a.png", "label": "red", "predicted": "red"} | shares
    pd.DataFrame([row]).to_csv(tmp_path / "predictions.csv", index=False)
    lines: list[str] = []
    found = measure_parity(bundle, tmp_path, tmp_path / "raw", SingleLabel(CLASSES), None, lines.append)
    size = (bundle / "model.onnx").stat().st_size
    expected = {"images": 1, "correct": 1, "mismatches": 0, "largest_difference": 0.0, "mismatched": [], "bytes": size}
    assert found == expected | {"int8": expected}
    assert [line.partition(" at most; 0.0 MB, ")[0] for line in lines] == [
        "float: 0 of 1 differ, by 0",
        "int8: 0 of 1 differ, by 0",
    ]


def test_where_jpegs_were_measured_the_encoding_is_told_from_the_rest(tmp_path: Path) -> None:
    """What differs through the encoding alone is counted by itself, and the graph is still held to every image."""
    bundle, square = write_bundle(tmp_path / "bundle"), Square(SIZE)
    noise = np.random.default_rng(0).integers(0, 256, (SIZE, SIZE, 3), dtype=np.uint8)
    (tmp_path / "raw").mkdir()
    Image.fromarray(noise).save(tmp_path / "raw/a.png")
    measured = as_stored(square.read(tmp_path / "raw/a.png"), 50)
    shares = dict(zip((f"p_{name}" for name in CLASSES), Predictor(bundle).run(measured[None])[0], strict=True))
    best = max(shares, key=shares.__getitem__).removeprefix("p_")
    pd.DataFrame([{"path": "a.png", "label": best, "predicted": best} | shares]).to_csv(tmp_path / "predictions.csv")
    lines: list[str] = []
    found = measure_parity(bundle, tmp_path, tmp_path / "raw", SingleLabel(CLASSES), None, lines.append, 50)
    assert found["largest_difference"] == 0.0 < found["served"]["largest_difference"]
    assert lines[-1].startswith("as served, without the JPEGs that evaluate saw: ")


def test_a_share_of_the_images_may_change_through_the_encoding() -> None:
    parity = {"images": 2, "mismatches": 0, "served": compare(evaluated(["a", "b"]), SIMILAR, SingleLabel(["a", "b"]))}
    require_parity(parity, Export(max_encoding_mismatches=0.5))
    with pytest.raises(ExportError, match=r"on images that are no JPEGs .*max_encoding_mismatches = 0.4"):
        require_parity(parity, Export(max_encoding_mismatches=0.4))


def test_a_format_passes_the_same_gate() -> None:
    found = compare(evaluated(["a", "b"]), SIMILAR, SingleLabel(["a", "b"]))
    parity = {"images": 2, "mismatches": 0, "int8": None, "openvino": {"float": found}}
    require_parity(parity, Export(max_mismatches=1))
    with pytest.raises(ExportError, match=r"from the bundle's OpenVINO model than from evaluate, over export.max_mism"):
        require_parity(parity, Export())
