"""What evaluate and split wrote is told by the bundle."""

import json
from pathlib import Path

from graft.export.card import read_story


def test_figures_slices_and_counts_are_read(tmp_path: Path) -> None:
    (tmp_path / "metrics.json").write_text(json.dumps({"test": {"accuracy": 0.5}, "interval": "Wilson"}))
    (tmp_path / "figures.csv").write_text(
        "figure,meaning,value,low,high,probe\naccuracy,top-1,0.5,0.1,0.9,0.25\nauc,area,,,,\n"
    )
    (tmp_path / "slices.csv").write_text("slice,pictures,accuracy,accuracy_low,accuracy_high\nkind=m,2,0.5,0.1,0.9\n")
    (tmp_path / "lineage.json").write_text(json.dumps({"files": {"a": "b"}, "versions": {"torch": "2"}}))
    split = tmp_path / "split"
    split.mkdir()
    (split / "metrics.json").write_text(json.dumps({"train": {"all": 7, "cat": 3}, "test": {"all": 2}}))
    (split / "audit.json").write_text(json.dumps({"groups_across_splits": 3, "metadata": {"warning": "told"}}))
    assert read_story(tmp_path, split) == {
        "metrics": {
            "accuracy": {"meaning": "top-1", "value": 0.5, "low": 0.1, "high": 0.9, "probe": 0.25},
            "auc": {"meaning": "area", "value": None, "low": None, "high": None, "probe": None},
        },
        "hits": "accuracy",
        "interval": "Wilson",
        "answered": None,
        "slices": [{"slice": "kind=m", "images": 2, "accuracy": 0.5, "accuracy_low": 0.1, "accuracy_high": 0.9}],
        "images": {"train": 7, "test": 2},
        "groups_across_splits": 3,
        "warning": "told",
        "lineage": {"a": "b"},
        "versions": {"torch": "2"},
    }


def test_no_slices_are_none(tmp_path: Path) -> None:
    (tmp_path / "metrics.json").write_text(json.dumps({"test": {"exact_match": 0.5}, "interval": "Wilson"}))
    (tmp_path / "figures.csv").write_text("figure,meaning,value,low,high,probe\n")
    (tmp_path / "slices.csv").write_text("slice\n")
    (tmp_path / "lineage.json").write_text(json.dumps({"files": {}, "versions": {}}))
    (tmp_path / "audit.json").write_text(json.dumps({"groups_across_splits": 0, "metadata": {"warning": None}}))
    (tmp_path / "split").mkdir()
    for name, text in (("metrics.json", "{}"), ("audit.json", (tmp_path / "audit.json").read_text())):
        (tmp_path / "split" / name).write_text(text)
    story = read_story(tmp_path, tmp_path / "split")
    assert (story["slices"], story["hits"], story["metrics"]) == ([], "exact_match", {})
