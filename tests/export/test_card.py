"""The model card says what the bundle is, and names from the data cannot break it."""

import json
from pathlib import Path
from typing import Any

import pytest
import yaml

from graft.export.card import read_record, save_card
from tests.export.tiny_bundle import RECORD

METADATA: dict[str, Any] = RECORD | {
    "graft": "0.1.0",
    "classes": ["cat", "dog"],
    "backbone": "test_efficientnet",
    "presize": {"size": 40, "crop": 0.0},
    "abstain_below": None,
    "models": {"float": "model.onnx"},
    "sha256": {"model.onnx": "cd" * 32},
    "bytes": {"model.onnx": 1_500_000},
}


def card(folder: Path, **changed: Any) -> str:
    """Write a card and read it."""
    save_card(folder / "README.md", METADATA | changed)
    return (folder / "README.md").read_text(encoding="utf-8")


def test_front_matter_is_yaml(tmp_path: Path) -> None:
    text = card(tmp_path, source='a "strange": {name}\n- x')
    front = yaml.safe_load(text.split("---\n")[1])
    assert (front["library_name"], front["pipeline_tag"]) == ("onnx", "image-classification")
    result = front["model-index"][0]["results"][0]
    assert result["dataset"]["name"] == 'a "strange": {name} - x'
    # what has no value is left out: the hub wants numbers
    assert result["metrics"] == [{"type": "accuracy", "value": 0.75}]


def test_models_of_other_formats_stand_beside_each_other(tmp_path: Path) -> None:
    assert "## Models" not in card(tmp_path)
    sizes = {"model.onnx": 1_500_000, "openvino/model.xml": 200_000, "openvino/model.bin": 1_400_000}
    text = card(tmp_path, formats={"openvino": {"float": ["openvino/model.xml", "openvino/model.bin"]}}, bytes=sizes)
    assert "| `model.onnx` | onnx | float | 1.5 |\n| `openvino/model.xml` | openvino | float | 1.6 |" in text


def test_it_tells_figures_slices_limits_and_lineage(tmp_path: Path) -> None:
    text = card(tmp_path)
    assert "| accuracy (top-1) | 0.750 | 0.500 to 0.900 | 0.500 | 0.750 |" in text
    assert "| ROC AUC | none |  | none |" in text
    assert "| kind=m\\|n | 4 | 75.0 % | 50.0 % to 90.0 % |" in text
    assert "4 pictures of that same source" in text
    assert "has no way to say that it does not know" in text
    assert "resample the whole picture to\n40 x 40" in text
    assert "pictures: CC BY & others" in text
    assert f"| `data/labels.csv` | `{'ab' * 32}` |" in text
    assert f"| `model.onnx` | `{'cd' * 32}` |" in text
    assert "Made with torch 2, timm 1." in text
    assert "from drawing whole groups again" in text


def test_a_crop_is_part_of_the_recipe(tmp_path: Path) -> None:
    text = card(tmp_path, presize={"size": 40, "crop": 0.5})
    assert "cut 50.0 % of what the longer side has over the shorter off, half at either end, resample the rest" in text


def test_a_border_is_part_of_the_recipe(tmp_path: Path) -> None:
    text = card(tmp_path, presize={"size": 40, "crop": 0.0, "padding": [1, 2, 3]})
    assert "antialiased; by its longer side, with a border of the colour 1, 2, 3 at either end of the shorter)" in text


def test_it_tells_what_is_known_of_all_images(tmp_path: Path) -> None:
    every = {"images": 90, "accuracy": 0.811, "accuracy_low": 0.7, "accuracy_high": 0.9}
    assert "over all 90 pictures: accuracy 81.1 % (70.0 % to 90.0 %)." in card(tmp_path, cross_validated=every)
    alone = every | {"accuracy_low": None, "accuracy_high": None}
    assert "over all 90 pictures: accuracy 81.1 %." in card(tmp_path, cross_validated=alone)


def test_it_says_when_it_is_not_sure(tmp_path: Path) -> None:
    answered = {"abstain_below": 0.8, "coverage": 0.9, "accuracy": 0.95}
    text = card(tmp_path, abstain_below=0.8, answered=answered)
    assert '"not sure" below a confidence of 0.8' in text
    assert "it answers 90.0 % of the pictures, and 95.0 % of those rightly" in text
    assert "has no way to say" not in text


@pytest.mark.parametrize("name", ["<script>alert(1)</script>", "a|b", "`x`", "*bold*", "[link](x)"])
def test_names_are_text(tmp_path: Path, name: str) -> None:
    body = card(tmp_path, classes=[name, "dog"], source=name).split("---\n")[2]
    assert name not in body


def test_several_labels(tmp_path: Path) -> None:
    text = card(tmp_path, multi_label=True, threshold=0.5)
    assert "Any number of the classes may hold; a class is predicted from a probability of 0.5 on." in text
    assert "one of its classes" not in text


def test_twice_is_the_same(tmp_path: Path) -> None:
    assert card(tmp_path) == card(tmp_path)


PARAMS: dict[str, Any] = {
    "source": {"uri": "https://user:secret@example.org/cells.zip?token=1", "licence": "CC0"},
    "backbone": {"licence": "MIT"},
    "labels": {"rule": "folder"},
}


def write_reports(folder: Path, figures: str, slices: str, metrics: dict[str, Any], audit: dict[str, Any]) -> None:
    """Write what `evaluate` and, in the folder split, `split` leave for the record."""
    split = folder / "split"
    split.mkdir()
    (folder / "metrics.json").write_text(json.dumps({"test": metrics, "interval": "Wilson"}))
    (folder / "figures.csv").write_text(f"figure,meaning,value,low,high,head_value,finetuned_value\n{figures}")
    (folder / "slices.csv").write_text(slices)
    (folder / "lineage.json").write_text(json.dumps({"files": {"a": "b"}, "versions": {"torch": "2"}}))
    (split / "metrics.json").write_text(json.dumps({"train": {"all": 7, "cat": 3}, "test": {"all": 2}}))
    (split / "audit.json").write_text(json.dumps(audit))


def test_the_record_gathers_figures_slices_and_counts(tmp_path: Path) -> None:
    write_reports(
        tmp_path,
        "accuracy,top-1,0.5,0.1,0.9,0.25,0.5\nauc,area,,,,,\n",
        "slice,images,accuracy,accuracy_low,accuracy_high\nkind=m,2,0.5,0.1,0.9\n",
        {"accuracy": 0.5},
        {"groups_across_splits": 3, "metadata": {"warning": "order tells"}},
    )
    assert read_record(PARAMS, tmp_path, tmp_path / "split") == {
        "source": "https://example.org/cells.zip",
        "licences": {"images": "CC0", "weights": "MIT"},
        "labels": {"rule": "folder"},
        "metrics": {
            "accuracy": {"meaning": "top-1", "value": 0.5, "low": 0.1, "high": 0.9, "head": 0.25, "finetuned": 0.5},
            "auc": {"meaning": "area", "value": None, "low": None, "high": None, "head": None, "finetuned": None},
        },
        "primary_metric": "accuracy",
        "interval": "Wilson",
        "cross_validated": None,
        "answered": None,
        "slices": [{"slice": "kind=m", "images": 2, "accuracy": 0.5, "accuracy_low": 0.1, "accuracy_high": 0.9}],
        "images": {"train": 7, "test": 2},
        "groups_across_splits": 3,
        "warning": "order tells",
        "lineage": {"a": "b"},
        "versions": {"torch": "2"},
    }


def test_of_several_networks_each_licence_is_told_once(tmp_path: Path) -> None:
    write_reports(
        tmp_path, "", "slice\n", {"accuracy": 0.5}, {"groups_across_splits": 0, "metadata": {"warning": None}}
    )
    backbones = [{"licence": "MIT"}, {"licence": "CC0"}, {"licence": "MIT"}]
    record = read_record(PARAMS | {"backbone": backbones}, tmp_path, tmp_path / "split")
    assert record["licences"]["weights"] == "MIT; CC0"


def test_without_slices_the_record_has_none(tmp_path: Path) -> None:
    audit = {"groups_across_splits": 0, "metadata": {"warning": None}}
    write_reports(tmp_path, "", "slice\n", {"exact_match": 0.5}, audit)
    record = read_record(PARAMS, tmp_path, tmp_path / "split")
    assert (record["slices"], record["primary_metric"], record["metrics"]) == ([], "exact_match", {})
