"""Counts add up, and the dataset is drawn, whatever it holds, the same on every run."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from graft.images.depth import USUAL_DEPTH
from graft.index.duplicates import Duplicates
from graft.index.summary import (
    KNOB,
    SAMPLE_CLASSES,
    SAMPLE_IMAGES,
    class_by_path,
    counts,
    save_counts,
    save_samples,
    save_sizes,
    warnings,
)
from graft.labels.rules import Labelled


def unusable(count: int, kind: str = "bad") -> pd.DataFrame:
    """A table of rejected files."""
    rows = {"path": [f"f{n}" for n in range(count)], "kind": [kind] * count, "reason": [f"r{n}" for n in range(count)]}
    return pd.DataFrame(rows, dtype=str)


def test_counts_add_up() -> None:
    images = pd.DataFrame({"path": list("abcde"), "duplicate_group": [0, 1, 0, 2, 0]})
    rows = pd.DataFrame({"path": list("abcd"), "label": ["x", "y", "x", "x"]})
    labelled = Labelled(rows, pd.DataFrame({"path": ["e"], "reason": ["none"]}), ["gone", "away"])
    conflicts = pd.DataFrame({"duplicate_group": [0, 0, 0], "path": list("ace"), "label": list("xyx")})
    rejected = pd.concat([unusable(3), unusable(4, "other")])
    copies = Duplicates(np.array([0, 1, 0, 2, 0]), exact=1, near=1, skipped=7)
    assert counts(images, rejected, labelled, copies, conflicts) == {
        "files": 12,
        "images": 5,
        "bad": 3,
        "other": 4,
        "labelled": 4,
        "unlabelled": 1,
        "table_rows_without_image": 2,
        "duplicates": {"exact": 1, "near": 1, "comparisons_skipped": 7},
        "conflicting_duplicate_groups": 1,
        "classes": {"x": 3, "y": 1},
    }


def test_what_a_person_should_look_at_is_said() -> None:
    no_name, other = "a picture by its content, not by its name", "a JPEG without its end mark"
    images = pd.DataFrame({"path": list("abc"), "note": ["", no_name, other]})
    names = ["page.jpg", *(f"{n}.heic" for n in range(7)), "notes.txt"]
    reasons = ["12 x 9 is damaged", *(["no format that is read"] * 7), "no picture"]
    rejected = pd.DataFrame({"path": names, "kind": [*["bad"] * 8, "other"], "reason": reasons})
    rows = pd.DataFrame({"path": ["a"], "label": ["x"]})
    left = pd.DataFrame({"path": ["b", "c"], "reason": ["lies at the top", "lies at the top"]})
    disputed = pd.DataFrame({"duplicate_group": [0, 0]})
    copies = Duplicates(np.array([0, 0, 1]), exact=0, near=1, skipped=0)
    assert list(warnings(images, rejected, Labelled(rows, left, [], ["look"]), copies, disputed, Path("r"))) == [
        "'page.jpg': should be a picture and cannot be used: 12 x 9 is damaged",
        "'0.heic', '1.heic', '2.heic', '3.heic', '4.heic' and 2 more: should be a picture and cannot be used: "
        "no format that is read",
        f"'c': is used, though odd: {other}",
        f"'b': is used, though odd: {no_name}",
        "1 of 3 pictures look like another and stay in one split with it, up to 2 together, see r/duplicates.csv: "
        f"{KNOB}",
        f"2 copies have different labels, see r/conflicts.csv: {KNOB}",
        "look",
        "2 pictures have no label, such as 'b', which lies at the top; all are in r/unlabelled.csv",
    ]


@pytest.mark.parametrize(("near", "warned"), [(0, False), (2, False), (3, True)])
def test_near_copies_of_more_than_a_fifth_are_warned_of(near: int, warned: bool) -> None:
    images = pd.DataFrame({"path": list("abcdefghij"), "note": ""})
    copies = Duplicates(np.array([0] * (near + 1) + [*range(1, 10 - near)]), exact=0, near=near, skipped=0)
    none = Labelled(pd.DataFrame({"path": [], "label": []}), pd.DataFrame({"path": [], "reason": []}), [], [])
    said = list(warnings(images, unusable(0), none, copies, pd.DataFrame(), Path("r")))
    assert len(said) == warned
    assert all("index.near_duplicates" in line for line in said)


def test_an_image_of_several_classes_counts_in_each() -> None:
    found = class_by_path(pd.DataFrame({"path": ["a", "b", "c"], "labels": ["x|y", "", "y"]}))
    assert list(found.items()) == [("a", "x"), ("a", "y"), ("c", "y")]


Draw = Callable[[int, int, int], Image.Image]


def labelled(root: Path, draw: Draw, classes: int, each: int) -> pd.Series:
    """Pictures of some classes; their labels by path."""
    labels = {}
    for number in range(classes * each):
        name = f"{number:03}.png"
        draw(number, 20, 30).save(root / name)
        labels[name] = f"class $a_{number % classes:02}$"
    return pd.Series(labels)


@pytest.mark.slow
@pytest.mark.parametrize(("classes", "rows"), [(2, 2), (SAMPLE_CLASSES, SAMPLE_CLASSES), (2 * SAMPLE_CLASSES + 1, 6)])
def test_each_class_has_a_row_of_samples_up_to_a_number(tmp_path: Path, draw: Draw, classes: int, rows: int) -> None:
    save_samples(tmp_path / "out.png", tmp_path, labelled(tmp_path, draw, classes, 2), USUAL_DEPTH)
    with Image.open(tmp_path / "out.png") as sheet:
        width, height = sheet.size
    assert height / rows == pytest.approx(width / SAMPLE_IMAGES * 1.27, rel=0.1)


@pytest.mark.slow
def test_what_is_drawn_is_the_same_on_every_run(tmp_path: Path, draw: Draw) -> None:
    labels = labelled(tmp_path, draw, 3, 9)
    images = pd.DataFrame({"width": [20, 30, 4000], "height": [30, 20, 3000]})
    for number in (1, 2):
        save_samples(tmp_path / f"{number}-samples", tmp_path, labels, USUAL_DEPTH)
        save_counts(tmp_path / f"{number}-counts", labels)
        save_sizes(tmp_path / f"{number}-sizes", images)
    for kind in ("samples", "counts", "sizes"):
        assert (tmp_path / f"1-{kind}").read_bytes() == (tmp_path / f"2-{kind}").read_bytes()


def test_without_labels_the_sheet_says_so(tmp_path: Path) -> None:
    none = class_by_path(pd.DataFrame(columns=["path", "label"], dtype=str))
    save_samples(tmp_path / "samples.png", tmp_path, none, USUAL_DEPTH)
    save_counts(tmp_path / "counts.png", none)
    for name, width in (("samples", 100), ("counts", 300)):
        with Image.open(tmp_path / f"{name}.png") as drawn:
            assert drawn.width > width


def test_many_classes_are_drawn_as_the_largest_and_the_smallest(tmp_path: Path) -> None:
    labels = pd.Series([f"class {number}" for number in range(300) for _ in range(1 + number % 7)])
    save_counts(tmp_path / "many.png", labels)
    with Image.open(tmp_path / "many.png") as drawn:
        assert drawn.height < 2000


def test_sizes_of_one_image(tmp_path: Path) -> None:
    save_sizes(tmp_path / "one.png", pd.DataFrame({"width": [1], "height": [1]}))
    with Image.open(tmp_path / "one.png") as drawn:
        assert np.asarray(drawn).std() > 0
