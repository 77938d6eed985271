"""An interpretation writes every gallery, map and table, the same bytes each time."""

import re
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch

from graft.core import tables
from graft.core.errors import DataError
from graft.evaluate.config import Evaluate
from graft.evaluate.decision import logits_of
from graft.evaluate.evaluation import Evaluation
from graft.network.inference import all_outputs
from graft.network.network import Network
from graft.report.interpretation import Interpretation
from graft.report.material import Material
from graft.tasks import Decision, make_task
from tests.export.tiny_bundle import DESCRIPTION, network

COUNT = 45
FILES = ["cam.png", "least_sure.png", "map.csv", "map.png", "review.csv", "review.png", "surest.png"]


def project(folder: Path, several: bool) -> Material:
    """Pictures of three classes that differ in colour, with embeddings; the first of test has a wrong label."""
    generator, names = np.random.default_rng(0), [f"{number:02}.png" for number in range(COUNT)]
    kinds = np.arange(COUNT) % 3
    pixels = generator.integers(0, 120, (COUNT, 32, 32, 3), dtype=np.uint8)
    pixels[np.arange(COUNT), :, :, kinds] += 120
    labels = np.array(list("abc"))[kinds]
    labels[0] = "b"
    for sub, name in (("presized", "pixels.npy"), ("embeddings", "features.npy")):
        (folder / sub).mkdir()
        tables.write(folder / sub / "rows.csv", pd.DataFrame({"path": names}))
        np.save(folder / sub / name, pixels)  # the features follow from them
    features = pixels.mean((1, 2), dtype=np.float32)[:, None]
    np.save(folder / "embeddings" / "features.npy", features + generator.normal(size=features.shape).astype(np.float32))
    splits = np.array(["train", "valid", "test"])[np.arange(COUNT) // 3 % 3]
    splits[0] = "test"
    tables.write(folder / "images.csv", pd.DataFrame({"path": names, "duplicate_group": names}))
    column = "labels" if several else "label"
    tables.write(folder / "labels.csv", pd.DataFrame({"path": names, column: labels, "group": ""}))
    tables.write(folder / "split.csv", pd.DataFrame({"path": names, "split": splits}))
    return Material.read(
        *(folder / name for name in ("presized", "embeddings", "images.csv", "labels.csv", "split.csv"))
    )


def interpretation(known: Material, made: Network) -> Interpretation:
    """Interpret what a network answers."""
    task = make_task(known.dataset.classes, known.dataset.multi_label)
    logits = logits_of(made, known.images("test"), known.dataset.paths("test"), 32, "fp32").values
    evaluation = Evaluation(known.rows("test"), task, logits, logits, Decision())
    return Interpretation(evaluation, made, known, 0.1)


@pytest.mark.parametrize("several", [False, True], ids=["one label", "several"])
def test_everything_is_written_the_same_twice(tmp_path: Path, several: bool) -> None:
    found = interpretation(project(tmp_path, several), network())
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        facts = found.write(tmp_path / name, Evaluate(gallery=4, review=5))
    expected = sorted([*FILES, "confusion.csv", *([] if several else ["confused.csv"])])
    assert sorted(file.name for file in (tmp_path / "one").iterdir()) == expected
    for name in expected:
        assert (tmp_path / "one" / name).read_bytes() == (tmp_path / "two" / name).read_bytes(), name
    first = facts["review"][0]
    assert (first["path"], first["kind"], first["label"], first["suggested"]) == ("00.png", "label", "b", "a")
    assert tables.read(tmp_path / "one" / "review.csv")["path"].tolist()[0] == "00.png"
    if several:  # dvc plots asks for it all the same
        assert (tmp_path / "one" / "confusion.csv").read_text() == "actual,predicted,pictures,share\n"
    else:
        assert (
            sum(count for _, _, count in facts["confused"])
            == tables.read(tmp_path / "one" / "confused.csv")["images"].astype(int).sum()
        )


def test_no_review_is_asked_for(tmp_path: Path) -> None:
    found = interpretation(project(tmp_path, False), network())
    (tmp_path / "out").mkdir()
    assert found.write(tmp_path / "out", Evaluate(gallery=2, review=0))["review"] is None
    assert (tmp_path / "out" / "review.png").is_file()  # which says so
    assert not (tmp_path / "out" / "review.csv").exists()


def test_material_is_in_order_of_path(tmp_path: Path) -> None:
    known = project(tmp_path, False)
    assert known.rows("valid")["path"].tolist() == known.dataset.paths("valid")
    assert len(known.images("valid")) == len(known.rows("valid"))
    assert known.copies.tolist() == known.dataset.rows["path"].tolist()
    logits = logits_of(network(), known.images("valid"), known.dataset.paths("valid"), 32, "fp32")
    wanted = all_outputs(network(), known.pixels, known.images("valid").rows, 32, "fp32", "x")
    np.testing.assert_array_equal(logits.values, wanted)
    assert DESCRIPTION.classes == known.dataset.classes


def test_logits_that_are_not_finite_name_the_first_image(tmp_path: Path) -> None:
    known, broken = project(tmp_path, False), network()
    assert broken.head is not None
    with torch.no_grad():
        next(broken.head.parameters()).fill_(torch.nan)
    paths = known.dataset.paths("valid")
    with pytest.raises(
        DataError, match=rf"^{re.escape(paths[0])}: the network gives logits that are not finite in bf16"
    ):
        logits_of(broken, known.images("valid"), paths, 32, "bf16")
