"""evaluate measures and report shows: each once more the same bytes, with nothing but files between them."""

import json
import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import yaml

from graft.core import tables
from graft.network.head import Head, save
from stages import evaluate, report
from stages.runtime import start
from tests.export.tiny_bundle import DESCRIPTION, network

pytestmark = pytest.mark.slow

ROOT = Path(__file__).resolve().parents[2]
COUNT = 45
TABLES = ["classes.csv", "confused.csv", "confusion.csv", "coverage.csv", "figures.csv", "predictions.csv"]
TABLES += ["reliability.csv", "slices.csv"]
RECORDS = ["decision.json", "lineage.json", "metrics.json", "record.json"]
SHEETS = ["confusion.png", "least_sure.png", "sample.png", "surest.png", "top_losses.png"]
SHOWN = [*SHEETS, "augmented.png", "cam.png", "coverage.png", "map.csv", "map.png", "reliability.png", "review.csv"]
SHOWN += ["review.png", "training.png"]


@pytest.fixture(params=[False, True], ids=["one label", "several"])
def multi_label(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> bool:
    """Whether images may have several labels, in a project as the stages before left it.

    Images of three classes differ in colour; the first of test has a wrong label.
    """
    several: bool = request.param
    monkeypatch.chdir(tmp_path)
    # the features are made up, and no backbone computes them: tests/evaluate/test_agreement.py has the check
    monkeypatch.setattr(evaluate, "grafted", lambda *_: None)
    monkeypatch.setattr(evaluate, "require_agreement", lambda *_: "the head on valid is what it was")
    params = yaml.safe_load((ROOT / "params.yaml").read_text())
    shutil.copy(ROOT / "dvc.yaml", ".")
    params["report"] = {"gallery": 4, "review": 5}
    params["evaluate"]["interpret"] = ["test", "valid"]
    Path("params.yaml").write_text(yaml.safe_dump(params))
    names, kinds = [f"{number:02}.png" for number in range(COUNT)], np.arange(COUNT) % 3
    generator = np.random.default_rng(0)
    pixels = generator.integers(0, 120, (COUNT, 32, 32, 3), dtype=np.uint8)
    pixels[np.arange(COUNT), :, :, kinds] += 120
    features = pixels.mean((1, 2), dtype=np.float32) + generator.normal(size=(COUNT, 3)).astype(np.float32)
    for folder in ("data/presized", "data/embeddings", "models/head", "models/finetuned", "models/backbone"):
        Path(folder).mkdir(parents=True)
    rows = pd.DataFrame({"path": names})
    tables.write(Path("data/presized/rows.csv"), rows.assign(aspect=1.0))
    tables.write(Path("data/embeddings/rows.csv"), rows)
    np.save("data/presized/pixels.npy", pixels)
    np.save("data/embeddings/features.npy", features[:, None])
    labels = np.array(list("abc"))[kinds]
    labels[0] = "b"
    splits = np.array(["train", "valid", "test"])[np.arange(COUNT) // 3 % 3]
    splits[0] = "test"
    tables.write(Path("data/images.csv"), rows.assign(duplicate_group=names))
    tables.write(Path("data/labels.csv"), rows.assign(**{"labels" if several else "label": labels}, group=""))
    tables.write(Path("data/split.csv"), rows.assign(split=splits))
    description = DESCRIPTION.model_copy(update={"multi_label": several})
    save(Path("models/finetuned"), network(), description)
    save(Path("models/head"), Head(3, 3), description)
    shutil.copy("models/head/model.safetensors", "models/backbone")
    for name in ("split", "train-head", "finetune"):
        shutil.copytree(ROOT / "reports" / name, Path("reports") / name)
    Path("reports/train-head/metrics.json").write_text(json.dumps({"valid": {"l2": 0.1}}))
    if several:
        choice = {"valid": {name: {"mean_average_precision": 0.5} for name in ("head", "finetuned")}, "kept": "head"}
        Path("reports/finetune/metrics.json").write_text(json.dumps(choice))
    return several


def run() -> dict[str, bytes]:
    """Run both stages; return what they wrote."""
    start("evaluate", evaluate.main)
    start("report", report.main)
    files = [*Path("reports/evaluate").rglob("*.*"), *Path("reports/report").rglob("*.*"), Path("reports/report.html")]
    return {"valid/" * (file.parent.name == "valid") + file.name: file.read_bytes() for file in files}


def test_everything_is_written_the_same_twice(multi_label: bool) -> None:
    written = run()
    expected = {*TABLES, *RECORDS, *SHOWN, "report.html"}
    expected |= {f"valid/{name}" for name in [*TABLES, "record.json", *SHEETS]}
    missing = {"confused.csv", "coverage.csv"} if multi_label else set()
    assert set(written) == {name for name in expected if Path(name).name not in missing}
    assert run() == written
    # the label that was planted as wrong comes first
    first = tables.read(Path("reports/report/review.csv")).iloc[0]
    assert (first["path"], first["kind"], first["label"], first["suggested"]) == ("00.png", "label", "b", "a")
    page = written["report.html"].decode()
    assert all(f">{name}<" in page for name in ("source.uri", "report.review", "evaluate.tta", "data/split.csv"))
