"""The figures of the last run are shown, and whether they still hold."""

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
import yaml

from graft.apps.results import LINEAGE, METRICS, REPORT, results
from graft.apps.use.presets import write_values
from graft.core import params
from graft.core.errors import GraftError
from graft.core.files import sha256

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def values(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """params.yaml of a folder where nothing ran yet."""
    shutil.copy(ROOT / "params.yaml", tmp_path)
    monkeypatch.chdir(tmp_path)
    return params.load(tmp_path / "params.yaml")


def write_metrics(row: dict[str, Any], **others: Any) -> None:
    """metrics.json as evaluate writes it, the same figures for head and fine-tuned network but for `others`."""
    METRICS.parent.mkdir(parents=True)
    METRICS.write_text(json.dumps({"test": row, "head": row, "finetuned": row, "kept": "finetuned"} | others))


def test_without_a_run_it_is_said_what_to_do(values: dict[str, Any]) -> None:
    with pytest.raises(GraftError, match="nothing was evaluated yet; run `dvc repro`"):
        list(results(values))


def test_the_figures_and_the_report_are_shown(values: dict[str, Any], tmp_path: Path) -> None:
    row = {"images": 8, "accuracy": 0.75, "accuracy_low": 0.4, "accuracy_high": 0.93, "macro_f1": 0.7, "log_loss": 0.5}
    change = {"accuracy": 0.25, "accuracy_low": -0.05, "accuracy_high": 0.4}
    write_metrics(row, head=row | {"accuracy": 0.5}, majority={"accuracy": 0.625}, difference=change)
    lines = list(results(values))
    assert [" ".join(line.split()) for line in lines] == [
        "test, 8 images accuracy 95 % interval macro F1 log loss",
        "the head 50.0% 40.0% to 93.0% 0.700 0.500",
        "fine-tuned, handed on 75.0% 40.0% to 93.0% 0.700 0.500",
        "difference, points +25.0 -5.0 to +40.0",
        "majority class 62.5%",
        "report: not here; `dvc repro` writes it",
    ]
    assert len({len(line) for line in lines[:3]}) == 1
    REPORT.touch()
    assert list(results(values))[-1] == f"report: {(tmp_path / REPORT).as_uri()}"


def test_all_images_are_shown_where_heads_were_cross_validated(values: dict[str, Any]) -> None:
    row = {"images": 8, "accuracy": 0.75, "accuracy_low": 0.4, "accuracy_high": 0.93, "macro_f1": 0.7, "log_loss": 0.5}
    every = row | {"images": 80, "accuracy": 0.7}
    write_metrics(row, majority={"accuracy": 0.625}, cross_validated=every)
    assert [" ".join(line.split()) for line in results(values)][-3:-1] == [
        "all 80 images, each asked of a head that had not learnt from it",
        "heads, cross-validated 70.0% 40.0% to 93.0% 0.700 0.500",
    ]


def test_figures_of_several_labels(values: dict[str, Any]) -> None:
    row = {
        "images": 8,
        "exact_match": 0.75,
        "exact_match_low": 0.4,
        "exact_match_high": 0.93,
        "micro_f1": 0.8,
        "macro_f1": None,
        "mean_average_precision": 0.9,
        "hamming_loss": 0.1,
        "log_loss": 0.5,
    }
    write_metrics(row, majority={"exact_match": 0.25})
    lines = [" ".join(line.split()) for line in results(values)]
    assert lines[0] == "test, 8 images exact match 95 % interval micro F1 macro F1 mAP log loss"
    assert lines[1] == "the head 75.0% 40.0% to 93.0% 0.800 none 0.900 0.500"
    assert lines[3] == "majority class 25.0%"


def test_where_nothing_was_fine_tuned_the_head_stands_alone(values: dict[str, Any]) -> None:
    row = {"images": 8, "accuracy": 0.75, "accuracy_low": None, "accuracy_high": None}
    METRICS.parent.mkdir(parents=True)
    METRICS.write_text(json.dumps({"test": row, "head": row, "majority": {"accuracy": 0.5}, "kept": "head"}))
    assert [line.split("  ")[0] for line in results(values)][1:3] == ["the head, handed on", "majority class"]


def test_figures_of_an_earlier_graft_say_so(values: dict[str, Any]) -> None:
    METRICS.parent.mkdir(parents=True)
    METRICS.write_text(json.dumps({"test": {"images": 8, "accuracy": 0.75}, "majority": {"accuracy": 0.5}}))
    assert "earlier run; since then graft itself changed: run `dvc repro`" in next(results(values))


def test_figures_of_an_earlier_run_say_so(values: dict[str, Any], tmp_path: Path) -> None:
    row = {"images": 8, "accuracy": 0.75, "accuracy_low": None, "accuracy_high": None}
    write_metrics(row, majority={"accuracy": 0.5})
    (tmp_path / "data").mkdir()
    labels = tmp_path / "data/labels.csv"
    labels.write_text("path,label,group\n")
    LINEAGE.write_text(json.dumps({"files": {"data/labels.csv": sha256(labels), "data/split.csv": "not here"}}))
    recorded = {"report": {"params": {"params.yaml": {key: values[key] for key in ("lr", "labels", "split")}}}}
    (tmp_path / "dvc.lock").write_text(yaml.safe_dump({"schema": "2.0", "stages": recorded}))
    assert " ".join(list(results(values))[1].split()) == "the head 75.0% none: one group"

    write_values({"split": values["split"] | {"by": "random"}}, tmp_path / "params.yaml")
    labels.write_text("path,label,group\na.png,cat,\n")
    lines = list(results(params.load(tmp_path / "params.yaml")))
    assert lines[0] == (
        "these figures are of an earlier run; since then split, data/labels.csv changed: run `dvc repro`"
    )
    assert lines[1].startswith("test, ")
