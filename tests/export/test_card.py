"""The model card says what the bundle is, and names from the data cannot break it."""

from pathlib import Path
from typing import Any

import pytest
import yaml

from graft.export.card import save_card
from tests.export.made import STORY

FACTS: dict[str, Any] = STORY | {
    "graft": "0.1.0",
    "classes": ["cat", "dog"],
    "backbone": "test_efficientnet",
    "presize": {"size": 40, "crop": 0.0},
    "abstain_below": None,
    "sha256": {"model.onnx": "cd" * 32},
}


def card(folder: Path, **facts: Any) -> str:
    """Write a card and read it."""
    save_card(folder / "README.md", FACTS | facts)
    return (folder / "README.md").read_text(encoding="utf-8")


def test_front_matter_is_yaml(tmp_path: Path) -> None:
    text = card(tmp_path, source='a "strange": {name}\n- x')
    front = yaml.safe_load(text.split("---\n")[1])
    assert (front["library_name"], front["pipeline_tag"]) == ("onnx", "image-classification")
    result = front["model-index"][0]["results"][0]
    assert result["dataset"]["name"] == 'a "strange": {name} - x'
    # what has no value is left out: the hub wants numbers
    assert result["metrics"] == [{"type": "accuracy", "value": 0.75}]


def test_it_tells_figures_slices_limits_and_lineage(tmp_path: Path) -> None:
    text = card(tmp_path)
    assert "| accuracy (top-1) | 0.750 | 0.500 to 0.900 | 0.500 |" in text
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
    assert "Any number of the classes may hold; one is said to from a probability of 0.5 on." in text
    assert "one of its classes" not in text


def test_twice_is_the_same(tmp_path: Path) -> None:
    assert card(tmp_path) == card(tmp_path)
