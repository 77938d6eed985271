"""What the label follows from without a pixel is found, and what the label rule reads is not taken for a leak."""

import unicodedata

import numpy as np
import pandas as pd
import pytest

from graft.core.errors import DataError
from graft.split.audit import gate, warning
from graft.split.metadata import Audit, baseline, blanked

COUNT = 240


def image_rows(
    paths: list[str], labels: list[str], **columns: list[str]
) -> tuple[pd.DataFrame, pd.DataFrame, pd.Series]:
    """labels.csv, images.csv and splits of pictures that differ in nothing but their path."""
    same = {"bytes": "10", "width": "4", "height": "3", "format": "PNG", "mode": "L", "camera": "", "taken": ""}
    images = pd.DataFrame({"path": paths} | same | columns)
    generator = np.random.default_rng(0)
    splits = pd.Series(generator.choice(["train", "valid", "test"], len(paths), p=[0.5, 0.2, 0.3]))
    return pd.DataFrame({"path": paths, "label": labels, "group": ""}), images, splits


def halves(first: str, second: str) -> list[str]:
    return [first] * (COUNT // 2) + [second] * (COUNT // 2)


def coins(seed: int = 1) -> list[str]:
    return [str(name) for name in np.random.default_rng(seed).choice(["cat", "dog"], COUNT)]


def test_runs_of_one_label_in_file_order_are_found() -> None:
    paths = [f"cell{number}.png" for number in range(COUNT)]  # 9 before 10, as a person counts
    found = baseline(*image_rows(paths, halves("ill", "well")))
    assert found["suspicious"]
    assert found["accuracy"] > 0.95
    assert set(found["alone"]) == {"order"}


def test_labels_by_chance_are_not_suspicious() -> None:
    for seed in range(4):
        found = baseline(*image_rows([f"cell{number}.png" for number in range(COUNT)], coins(seed)))
        assert not found["suspicious"], seed
        assert warning(found) is None


@pytest.mark.parametrize("path", ["{label}/{number}.jpg", "{label}.{number}.jpg", "train/{label}/{label}_{number}.jpg"])
def test_the_label_in_the_path_is_no_leak(path: str) -> None:
    labels = coins()
    paths = [path.format(label=label, number=number) for number, label in enumerate(labels)]
    assert not baseline(*image_rows(paths, labels))["suspicious"]


@pytest.mark.parametrize(
    ("column", "kind"), [("bytes", "bytes"), ("width", "dimensions"), ("format", "encoding"), ("camera", "EXIF")]
)
def test_each_kind_of_clue_is_found(column: str, kind: str) -> None:
    labels = coins()
    first, second = ("JPEG", "PNG") if column in ("format", "camera") else ("100", "200")
    told = [first if label == "cat" else second for label in labels]
    found = baseline(*image_rows([f"{number}.jpg" for number in range(COUNT)], labels, **{column: told}))
    assert found["suspicious"]
    assert found["alone"][kind] == 1.0
    assert f"best from {kind} (100.0% alone)" in str(warning(found))


def test_the_folder_a_label_comes_from_is_found() -> None:
    labels = coins()
    paths = [f"{'north' if label == 'cat' else 'south'}/{number}.jpg" for number, label in enumerate(labels)]
    assert baseline(*image_rows(paths, labels))["alone"]["folder"] == 1.0


def test_images_without_any_clue_are_guessed_as_the_most_frequent_class() -> None:
    labels = ["dog" if place % 3 == 0 else "cat" for place in range(COUNT)]
    found = baseline(*image_rows([f"{label}.jpg" for label in labels], labels))
    assert found["accuracy"] == found["majority"]


def test_several_labels_are_taken_together() -> None:
    labels, images, splits = image_rows([f"cell{number}.png" for number in range(COUNT)], halves("a", "a|b"))
    assert baseline(labels.rename(columns={"label": "labels"}), images, splits)["suspicious"]


def test_the_gate_stops_above_the_limit_only() -> None:
    found = baseline(*image_rows([f"cell{number}.png" for number in range(COUNT)], halves("ill", "well")))
    gate(Audit(), found)
    gate(Audit(max_metadata_gain=found["gain"]), found)
    with pytest.raises(DataError, match=r"^audit: without looking at a pixel.* is over audit.max_metadata_gain = 0.1;"):
        gate(Audit(max_metadata_gain=0.1), found)


@pytest.mark.parametrize("path", ["img_{number:05}.png", "{number:05}.png", "scan{number}.png", "0/1_{number}.png"])
def test_a_class_called_by_a_number_is_not_read_into_counters(path: str) -> None:
    labels = [str(name) for name in np.random.default_rng(5).choice(["0", "1"], COUNT)]
    found = baseline(*image_rows([path.format(number=number) for number in range(COUNT)], labels))
    assert not found["suspicious"]


def test_a_word_in_every_name_that_is_a_class_is_no_leak() -> None:
    labels = ["no" if name == "cat" else "yes" for name in coins(2)]
    assert not baseline(*image_rows([f"no_{number:03}_camera.png" for number in range(COUNT)], labels))["suspicious"]


def test_several_classes_are_blanked_one_by_one_and_a_joined_name_whole() -> None:
    assert blanked(["haze|clear/haze_1.jpg"], ["haze", "clear"], None) == ["*|*/*_1.jpg"]
    assert blanked(["a|b/a_1.jpg"], ["a|b", "c"], None) == ["*/a_1.jpg"]


def test_what_the_pattern_reads_is_blanked_and_no_more() -> None:
    pattern = r"img(?P<label>\d)_(?P<group>\d+)"
    assert blanked(["x7/img7_070.png", "img8_1"], ["7", "8"], pattern) == ["x7/img*_070.png", "img*_1"]


def test_a_name_in_either_form_of_unicode_is_blanked() -> None:
    decomposed = unicodedata.normalize("NFD", "päonie/päonie_1.jpg")
    assert blanked([decomposed], ["päonie"], None) == ["*/*_1.jpg"]


def test_of_very_many_classes_the_rare_ones_are_neither_learnt_nor_judged() -> None:
    labels = [f"kind {number // 2:03}" for number in range(400)] + ["common"] * 40
    found = baseline(*image_rows([f"cell{number}.png" for number in range(440)], labels))
    assert found["images"] + found["left_out"] == sum(image_rows(["x"] * 440, labels)[2] != "train")
    assert found["left_out"] > 100
    assert found["majority"] < 0.35


def test_a_rare_class_that_train_lacks_is_judged_all_the_same() -> None:
    labels, images, splits = image_rows([f"{number}.png" for number in range(COUNT)], halves("a", "b"))
    labels["label"] = labels["label"].where(splits != "train", "c")
    assert baseline(labels, images, splits)["accuracy"] == 0
