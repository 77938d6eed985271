"""Rows are found by the picture they belong to."""

from pathlib import Path

import numpy as np
import pytest

from graft.core.errors import DataError
from graft.data.arrays import ImageRows


@pytest.fixture
def rows(tmp_path: Path) -> ImageRows:
    """Three pictures with two features each."""
    np.save(tmp_path / "features.npy", np.array([[0, 1], [10, 11], [20, 21]], dtype=np.float32))
    (tmp_path / "rows.csv").write_text("path,aspect\nNA,1.0\nb/1.jpg,0.75\n007,1.5\n")
    return ImageRows(tmp_path / "features.npy")


def test_paths_are_text_as_written(rows: ImageRows) -> None:
    assert rows.paths == ["NA", "b/1.jpg", "007"]


@pytest.mark.parametrize(
    ("paths", "found"),
    [(["007", "NA"], [2, 0]), (["b/1.jpg", "b/1.jpg"], [1, 1]), ([], [])],
    ids=["any order", "twice", "none"],
)
def test_find(rows: ImageRows, paths: list[str], found: list[int]) -> None:
    answer = rows.find(paths)
    assert answer.tolist() == found
    assert answer.dtype == np.int64


def test_an_unknown_image_is_said(rows: ImageRows) -> None:
    with pytest.raises(DataError, match=r"^'c\.jpg' is labelled but was never presized; run `dvc repro`$"):
        rows.find(["NA", "c.jpg"])


def test_read_copies_rows_into_memory(rows: ImageRows) -> None:
    read = rows.read(np.array([2, 0]))
    assert read.tolist() == [[20, 21], [0, 1]]
    assert not isinstance(read, np.memmap)
    read[:] = -1
    assert rows.array.tolist() == [[0, 1], [10, 11], [20, 21]]


def test_aspect_ratios_are_read_from_the_table(rows: ImageRows) -> None:
    assert rows.aspects.tolist() == [1.0, 0.75, 1.5]
    assert rows.aspects.dtype == np.float32


def test_a_table_without_aspect_ratios_says_how_to_get_them(tmp_path: Path) -> None:
    np.save(tmp_path / "pixels.npy", np.zeros((1, 2, 2, 3), dtype=np.uint8))
    (tmp_path / "rows.csv").write_text("path\na\n")
    with pytest.raises(DataError, match=r"has no column 'aspect'; run `dvc repro presize`$"):
        _ = ImageRows(tmp_path / "pixels.npy").aspects


def test_the_array_stays_on_disk_and_cannot_be_written(rows: ImageRows) -> None:
    assert isinstance(rows.array, np.memmap)
    with pytest.raises(ValueError, match="read-only"):
        rows.array[0] = 1


def test_an_array_of_objects_is_refused(tmp_path: Path) -> None:
    np.save(tmp_path / "evil.npy", np.array([{}], dtype=object), allow_pickle=True)
    (tmp_path / "rows.csv").write_text("path\na\n")
    with pytest.raises(ValueError, match="Python objects"):
        ImageRows(tmp_path / "evil.npy")
