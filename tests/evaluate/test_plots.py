"""The confusion matrix is drawn for any number of classes, the same bytes each time."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from graft.evaluate.plots import save_confusion, save_outcomes


@pytest.mark.parametrize("count", [2, 5])
def test_any_number_of_classes_is_drawn(tmp_path: Path, count: int) -> None:
    names = [f"class {place}" for place in range(count)]
    save_confusion(tmp_path / "c.png", 3 * np.eye(count, dtype=np.int64), names)
    with Image.open(tmp_path / "c.png") as image:
        assert image.format == "PNG"
        assert min(image.size) > 200
        assert "Software" not in image.info


def test_equal_counts_are_equal_bytes_and_others_are_not(tmp_path: Path) -> None:
    for name, right in (("a.png", 3), ("b.png", 3), ("c.png", 4)):
        save_confusion(tmp_path / name, np.array([[right, 1], [0, 2]]), ["cat", "dog"])
    assert (tmp_path / "a.png").read_bytes() == (tmp_path / "b.png").read_bytes()
    assert (tmp_path / "a.png").read_bytes() != (tmp_path / "c.png").read_bytes()


def test_a_class_without_pictures_is_drawn(tmp_path: Path) -> None:
    save_confusion(tmp_path / "c.png", np.array([[0, 0], [1, 2]]), ["cat", "dog"])
    assert (tmp_path / "c.png").is_file()


def dark(image: Path) -> int:
    """Pixels of the darkest blue: cells that hold all of their row."""
    with Image.open(image) as opened:
        return int((np.abs(np.asarray(opened.convert("RGB")).astype(int) - (8, 48, 107)).max(2) < 3).sum())


def test_cells_are_coloured_by_their_share_of_the_row(tmp_path: Path) -> None:
    save_confusion(tmp_path / "a.png", np.array([[1, 0], [0, 100]]), ["cat", "dog"])
    save_confusion(tmp_path / "b.png", np.array([[1, 0], [100, 0]]), ["cat", "dog"])
    save_confusion(tmp_path / "c.png", np.array([[1, 0], [50, 50]]), ["cat", "dog"])
    whole_rows = [dark(tmp_path / f"{name}.png") for name in "abc"]
    assert whole_rows[0] > 1000
    assert whole_rows[1] == pytest.approx(whole_rows[0], rel=0.1)
    assert whole_rows[2] == pytest.approx(whole_rows[0] / 2, rel=0.1)


def test_names_are_not_read_as_mathematics(tmp_path: Path) -> None:
    save_confusion(tmp_path / "confusion.png", np.eye(2, dtype=np.int64), ["$^$", "costs $5"])
    assert (tmp_path / "confusion.png").is_file()


@pytest.mark.parametrize("count", [1, 5, 200])
def test_outcomes_of_any_number_of_classes_are_drawn(tmp_path: Path, count: int) -> None:
    counts = np.tile(np.array([[5, 1], [0, 4]]), (count, 1, 1))
    for name in ("a.png", "b.png"):
        save_outcomes(tmp_path / name, counts, [f"$class {place}" for place in range(count)])
    assert (tmp_path / "a.png").read_bytes() == (tmp_path / "b.png").read_bytes()
    with Image.open(tmp_path / "a.png") as image:
        assert min(image.size) > 150
        assert max(image.size) < 2000


def test_outcomes_are_coloured_by_their_share_of_those_that_hold_and_of_those_that_do_not(tmp_path: Path) -> None:
    cases = {"a": [[0, 9], [9, 0]], "b": [[100, 0], [0, 1]], "c": [[50, 50], [0, 1]], "d": [[0, 0], [0, 0]]}
    for name, counts in cases.items():
        save_outcomes(tmp_path / f"{name}.png", np.array([counts]), ["haze"])
    found = {name: dark(tmp_path / f"{name}.png") for name in cases}
    assert found["a"] > 1000
    assert found["b"] == pytest.approx(found["a"], rel=0.1)  # two full cells, whichever they are
    assert found["c"] == pytest.approx(found["a"] / 2, rel=0.1)
    assert found["d"] == 0


def test_outcomes_lie_where_their_names_say(tmp_path: Path) -> None:
    """True and false positives, then negatives: each of four classes fills one column."""
    places = {(1, 1): 0, (1, 0): 1, (0, 1): 2, (0, 0): 3}
    for (holds, said), column in places.items():
        counts = np.zeros((1, 2, 2), dtype=np.int64)
        counts[0, holds, said] = 7
        save_outcomes(tmp_path / "c.png", counts, ["haze"])
        with Image.open(tmp_path / "c.png") as image:
            pixels = np.asarray(image.convert("RGB")).astype(int)
        (rows, columns) = np.nonzero(np.abs(pixels - (8, 48, 107)).max(2) < 3)
        assert len(rows) > 1000
        # the axes begin right of the class's name, in the first fifth of the picture
        assert column / 4 < np.mean(columns) / pixels.shape[1] < (column + 1) / 4 + 0.1
