"""The audit counts what a split holds and what straddles it."""

import unicodedata
from typing import Any

import numpy as np
import pandas as pd
import pytest

from graft.core.errors import DataError
from graft.split.audit import (
    absent_classes_warning,
    audit,
    check_metadata_gain,
    count_classes,
    ids_warning,
    mask_labels,
    metadata_baseline,
    metadata_warning,
)
from graft.split.config import Split

LABELS = pd.DataFrame(
    {"path": list("abcdef"), "label": ["cat", "dog", "cat", "cat", "dog", "dog"], "group": ["g", "g", "h", "", "h", ""]}
)
SPLITS = pd.Series(["train", "train", "train", "valid", "test", "train"])


def test_counts_are_by_split_and_class() -> None:
    assert count_classes(LABELS, SPLITS) == {
        "train": {"all": 4, "cat": 2, "dog": 2},
        "valid": {"all": 1, "cat": 1},
        "test": {"all": 1, "dog": 1},
    }


def test_describe_says_when_a_split_is_empty() -> None:
    assert count_classes(LABELS, pd.Series(["train"] * 6))["test"] == {"all": 0}


def images(duplicates: str) -> pd.DataFrame:
    """Rows as in images.csv: all alike but for their duplicate group, one letter each."""
    same = {"bytes": "1", "width": "2", "height": "3", "format": "PNG", "mode": "L", "camera": "", "taken": ""}
    return pd.DataFrame({"path": LABELS["path"], "duplicate_group": list(duplicates)} | same)


def straddling(found: dict[str, Any]) -> tuple[int, int, int]:
    return found["duplicate_groups_across_splits"], found["groups"], found["groups_across_splits"]


def test_audit_counts_straddling_units_but_not_the_ungrouped() -> None:
    # duplicate groups 0 (train and test) and 2 (train and valid); group h (train and test)
    assert straddling(audit(LABELS, images("012201"), SPLITS)) == (2, 2, 1)


def test_audit_of_a_clean_split() -> None:
    clean = pd.Series(["train", "train", "test", "valid", "test", "train"])
    assert straddling(audit(LABELS, images("012345"), clean)) == (0, 2, 0)


def test_audit_without_groups() -> None:
    assert straddling(audit(LABELS.assign(group=""), images("012345"), SPLITS)) == (0, 0, 0)


@pytest.mark.slow
def test_ids_in_names_that_straddle_the_splits_are_counted_and_said() -> None:
    rows = [
        (f"{kind}/case{case}_slice{n}.png", kind)
        for kind, first in (("a", 0), ("b", 4))
        for case in range(first, first + 4)
        for n in range(3)
    ]
    labels = pd.DataFrame(rows, columns=["path", "label"]).assign(group="")
    splits = pd.Series([("train", "valid", "test")[row // 3 % 3] for row in range(len(rows))])
    splits[0] = "test"
    facts = pd.concat([images("012345")] * 4, ignore_index=True).assign(path=labels["path"], duplicate_group=range(24))
    found = audit(labels, facts, splits)["ids_in_names"]
    assert {key: found[key] for key in ("example", "ids", "across_splits")} == {
        "example": "case0",
        "ids": 8,
        "across_splits": 1,
    }
    said = ids_warning(found)
    assert said is not None
    assert said.startswith("1 of 8 ids in the names, such as 'case0', lie in several splits")
    assert ids_warning(found | {"across_splits": 0}) is None
    assert audit(labels.assign(group="g"), facts, splits)["ids_in_names"] is None


def test_what_is_excluded_straddles_nothing() -> None:
    excluded = SPLITS.where(SPLITS != "test", "excluded")
    assert straddling(audit(LABELS, images("012301"), excluded.replace("valid", "test"))) == (0, 2, 0)


def test_a_class_that_train_lacks_is_named() -> None:
    assert (
        absent_classes_warning({"train": {"all": 2, "cat": 1, "dog": 1}, "test": {"all": 2, "cat": 1, "": 1}}) is None
    )
    said = absent_classes_warning(
        {name: {"all": 1, "cat": 1} for name in ("train", "valid", "test")} | {"excluded": {"all": 2, "owl": 2}}
    )
    assert said == "class 'owl': in no training picture, and was left out"
    said = absent_classes_warning(
        {"train": {"all": 1, "cat": 1}, "valid": {"all": 1, "owl": 1}, "test": {"all": 1, "cat": 1}}
    )
    assert said == "class 'owl': in no training picture, so nothing can be learnt of it"
    none = {name: {"all": 0} for name in ("train", "valid", "test")}
    counts = none | {"excluded": {f"kind {number:02}": 1 for number in range(12)}}
    assert "'kind 09' and 2 more: in no training picture" in str(absent_classes_warning(counts))


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
    found = metadata_baseline(*image_rows(paths, halves("ill", "well")))
    assert found["suspicious"]
    assert found["accuracy"] > 0.95
    assert set(found["alone"]) == {"order"}


@pytest.mark.slow
def test_labels_by_chance_are_not_suspicious() -> None:
    for seed in range(4):
        found = metadata_baseline(*image_rows([f"cell{number}.png" for number in range(COUNT)], coins(seed)))
        assert not found["suspicious"], seed
        assert metadata_warning(found) is None


@pytest.mark.slow
@pytest.mark.parametrize("path", ["{label}/{number}.jpg", "{label}.{number}.jpg", "train/{label}/{label}_{number}.jpg"])
def test_the_label_in_the_path_is_no_leak(path: str) -> None:
    labels = coins()
    paths = [path.format(label=label, number=number) for number, label in enumerate(labels)]
    assert not metadata_baseline(*image_rows(paths, labels))["suspicious"]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("column", "kind"), [("bytes", "bytes"), ("width", "dimensions"), ("format", "encoding"), ("camera", "EXIF")]
)
def test_each_kind_of_metadata_is_found(column: str, kind: str) -> None:
    labels = coins()
    first, second = ("JPEG", "PNG") if column in ("format", "camera") else ("100", "200")
    told = [first if label == "cat" else second for label in labels]
    found = metadata_baseline(*image_rows([f"{number}.jpg" for number in range(COUNT)], labels, **{column: told}))
    assert found["suspicious"]
    assert found["alone"][kind] == 1.0
    assert f"best from {kind} (100.0% alone)" in str(metadata_warning(found))


@pytest.mark.slow
def test_the_folder_a_label_comes_from_is_found() -> None:
    labels = coins()
    paths = [f"{'north' if label == 'cat' else 'south'}/{number}.jpg" for number, label in enumerate(labels)]
    assert metadata_baseline(*image_rows(paths, labels))["alone"]["folder"] == 1.0


def test_images_without_any_metadata_are_guessed_as_the_most_frequent_class() -> None:
    labels = ["dog" if place % 3 == 0 else "cat" for place in range(COUNT)]
    found = metadata_baseline(*image_rows([f"{label}.jpg" for label in labels], labels))
    assert found["accuracy"] == found["majority"]


def test_several_labels_are_taken_together() -> None:
    labels, images, splits = image_rows([f"cell{number}.png" for number in range(COUNT)], halves("a", "a|b"))
    assert metadata_baseline(labels.rename(columns={"label": "labels"}), images, splits)["suspicious"]


def config(limit: float | None) -> Split:
    return Split(by="random", test=0.2, valid=0.2, max_metadata_gain=limit)


def test_the_gate_stops_above_the_limit_only() -> None:
    found = metadata_baseline(*image_rows([f"cell{number}.png" for number in range(COUNT)], halves("ill", "well")))
    check_metadata_gain(config(None), found)
    check_metadata_gain(config(found["gain"]), found)
    with pytest.raises(DataError, match=r"^split: without looking at a pixel.* is over split.max_metadata_gain = 0.1;"):
        check_metadata_gain(config(0.1), found)


@pytest.mark.slow
@pytest.mark.parametrize("path", ["img_{number:05}.png", "{number:05}.png", "scan{number}.png", "0/1_{number}.png"])
def test_a_class_called_by_a_number_is_not_read_into_counters(path: str) -> None:
    labels = [str(name) for name in np.random.default_rng(5).choice(["0", "1"], COUNT)]
    found = metadata_baseline(*image_rows([path.format(number=number) for number in range(COUNT)], labels))
    assert not found["suspicious"]


def test_a_word_in_every_name_that_is_a_class_is_no_leak() -> None:
    labels = ["no" if name == "cat" else "yes" for name in coins(2)]
    assert not metadata_baseline(*image_rows([f"no_{number:03}_camera.png" for number in range(COUNT)], labels))[
        "suspicious"
    ]


def test_several_classes_are_masked_one_by_one_and_a_joined_name_whole() -> None:
    assert mask_labels(["haze|clear/haze_1.jpg"], ["haze", "clear"], None) == ["*|*/*_1.jpg"]
    assert mask_labels(["a|b/a_1.jpg"], ["a|b", "c"], None) == ["*/a_1.jpg"]


def test_what_the_pattern_reads_is_masked_and_no_more() -> None:
    pattern = r"img(?P<label>\d)_(?P<group>\d+)"
    assert mask_labels(["x7/img7_070.png", "img8_1"], ["7", "8"], pattern) == ["x7/img*_070.png", "img*_1"]


def test_a_name_in_either_form_of_unicode_is_mask_labels() -> None:
    decomposed = unicodedata.normalize("NFD", "päonie/päonie_1.jpg")
    assert mask_labels([decomposed], ["päonie"], None) == ["*/*_1.jpg"]


def test_of_very_many_classes_the_rare_ones_are_neither_learnt_nor_scored() -> None:
    labels = [f"kind {number // 2:03}" for number in range(400)] + ["common"] * 40
    found = metadata_baseline(*image_rows([f"cell{number}.png" for number in range(440)], labels))
    assert found["images"] + found["left_out"] == sum(image_rows(["x"] * 440, labels)[2] != "train")
    assert found["left_out"] > 100
    assert found["majority"] < 0.35


def test_a_rare_class_that_train_lacks_is_scored_all_the_same() -> None:
    labels, images, splits = image_rows([f"{number}.png" for number in range(COUNT)], halves("a", "b"))
    labels["label"] = labels["label"].where(splits != "train", "c")
    assert metadata_baseline(labels, images, splits)["accuracy"] == 0
