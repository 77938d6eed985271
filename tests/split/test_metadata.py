"""What the label follows from without a pixel is found, and what the label rule reads is not taken for a leak."""

import numpy as np
import pandas as pd
import pytest

from graft.errors import DataError
from graft.split.audit import gate, warning
from graft.split.metadata import Audit, baseline

COUNT = 240


def pictures(paths: list[str], labels: list[str], **columns: list[str]) -> tuple[pd.DataFrame, pd.DataFrame, pd.Series]:
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
    found = baseline(*pictures(paths, halves("ill", "well")))
    assert found["suspicious"]
    assert found["accuracy"] > 0.95
    assert set(found["alone"]) == {"order"}


def test_labels_by_chance_are_not_suspicious() -> None:
    for seed in range(4):
        found = baseline(*pictures([f"cell{number}.png" for number in range(COUNT)], coins(seed)))
        assert not found["suspicious"], seed
        assert warning(found) is None


@pytest.mark.parametrize("path", ["{label}/{number}.jpg", "{label}.{number}.jpg", "train/{label}/{label}_{number}.jpg"])
def test_the_label_in_the_path_is_no_leak(path: str) -> None:
    labels = coins()
    paths = [path.format(label=label, number=number) for number, label in enumerate(labels)]
    assert not baseline(*pictures(paths, labels))["suspicious"]


@pytest.mark.parametrize(
    ("column", "kind"), [("bytes", "bytes"), ("width", "dimensions"), ("format", "encoding"), ("camera", "EXIF")]
)
def test_each_kind_of_clue_is_found(column: str, kind: str) -> None:
    labels = coins()
    first, second = ("JPEG", "PNG") if column in ("format", "camera") else ("100", "200")
    told = [first if label == "cat" else second for label in labels]
    found = baseline(*pictures([f"{number}.jpg" for number in range(COUNT)], labels, **{column: told}))
    assert found["suspicious"]
    assert found["alone"][kind] == 1.0
    assert f"best from {kind} (100.0% alone)" in str(warning(found))


def test_the_folder_a_label_comes_from_is_found() -> None:
    labels = coins()
    paths = [f"{'north' if label == 'cat' else 'south'}/{number}.jpg" for number, label in enumerate(labels)]
    assert baseline(*pictures(paths, labels))["alone"]["folder"] == 1.0


def test_pictures_without_any_clue_are_guessed_as_the_most_frequent_class() -> None:
    labels = ["dog" if place % 3 == 0 else "cat" for place in range(COUNT)]
    found = baseline(*pictures([f"{label}.jpg" for label in labels], labels))
    assert found["accuracy"] == found["majority"]


def test_several_labels_are_taken_together() -> None:
    labels, images, splits = pictures([f"cell{number}.png" for number in range(COUNT)], halves("a", "a|b"))
    assert baseline(labels.rename(columns={"label": "labels"}), images, splits)["suspicious"]


def test_the_gate_stops_above_the_limit_only() -> None:
    found = baseline(*pictures([f"cell{number}.png" for number in range(COUNT)], halves("ill", "well")))
    gate(Audit(), found)
    gate(Audit(max_metadata_gain=found["gain"]), found)
    with pytest.raises(DataError, match=r"^audit: without looking at a pixel.* is over audit.max_metadata_gain = 0.1;"):
        gate(Audit(max_metadata_gain=0.1), found)
