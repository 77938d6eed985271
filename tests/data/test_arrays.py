"""An array on disk is filled row by row; rows are found by the image they belong to."""

import errno
import os
from pathlib import Path

import numpy as np
import pytest

from graft.core.errors import DataError
from graft.data.arrays import ImageRows, PartialArray

SHAPE = (5, 2)


def test_a_new_array_has_nothing_done(tmp_path: Path) -> None:
    array = PartialArray(tmp_path / "deep" / "unfinished", SHAPE, np.float32)
    assert array.done == 0
    assert array.rows.shape == SHAPE
    assert array.rows.dtype == np.float32


def test_marked_rows_survive(tmp_path: Path) -> None:
    first = PartialArray(tmp_path, SHAPE, np.uint8)
    first.rows[:3] = [[1, 2], [3, 4], [5, 6]]
    first.mark(3)
    assert first.done == 3
    del first
    second = PartialArray(tmp_path, SHAPE, np.uint8)
    assert second.done == 3
    assert second.rows[:3].tolist() == [[1, 2], [3, 4], [5, 6]]
    second.rows[3:] = 9
    second.mark(5)
    assert PartialArray(tmp_path, SHAPE, np.uint8).done == 5


def test_rows_without_a_mark_do_not_count(tmp_path: Path) -> None:
    first = PartialArray(tmp_path, SHAPE, np.uint8)
    first.rows[:] = 7
    first.rows.flush()
    assert PartialArray(tmp_path, SHAPE, np.uint8).done == 0


@pytest.mark.parametrize(
    ("shape", "dtype"),
    [((6, 2), np.uint8), ((5, 3), np.uint8), ((5, 2), np.float32), ((5,), np.uint8)],
    ids=["more rows", "wider", "another type", "fewer axes"],
)
def test_an_array_of_another_kind_begins_anew(tmp_path: Path, shape: tuple[int, ...], dtype: type[np.generic]) -> None:
    first = PartialArray(tmp_path, SHAPE, np.uint8)
    first.mark(4)
    del first
    second = PartialArray(tmp_path, shape, dtype)
    assert second.done == 0
    assert second.rows.shape == shape
    assert second.rows.dtype == dtype
    assert PartialArray(tmp_path, shape, dtype).done == 0


def test_a_mark_without_rows_promises_nothing(tmp_path: Path) -> None:
    array = PartialArray(tmp_path, SHAPE, np.uint8)
    array.mark(4)
    array.path.unlink()
    assert PartialArray(tmp_path, SHAPE, np.uint8).done == 0


def test_a_moved_array_is_a_plain_npy_file(tmp_path: Path) -> None:
    array = PartialArray(tmp_path / "unfinished", SHAPE, np.uint8)
    array.rows[:] = np.arange(10).reshape(SHAPE)
    array.mark(5)
    array.move(tmp_path / "final.npy")
    assert np.load(tmp_path / "final.npy", allow_pickle=False).tolist() == [[0, 1], [2, 3], [4, 5], [6, 7], [8, 9]]
    assert list((tmp_path / "unfinished").iterdir()) == []
    assert PartialArray(tmp_path / "unfinished", SHAPE, np.uint8).done == 0


def test_room_is_set_aside_at_once(tmp_path: Path) -> None:
    array = PartialArray(tmp_path, (1000, 1000), np.uint8)
    told = array.path.stat()
    assert told.st_blocks * 512 >= told.st_size > 1_000_000


def test_a_file_system_that_sets_no_room_aside_will_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def unable(descriptor: int, offset: int, size: int) -> None:
        raise OSError(errno.EOPNOTSUPP, "Operation not supported")

    monkeypatch.setattr(os, "posix_fallocate", unable)
    PartialArray(tmp_path, SHAPE, np.uint8).mark(3)
    assert PartialArray(tmp_path, SHAPE, np.uint8).done == 3


def test_too_full_a_disk_is_told_before_anything_is_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(descriptor: int, offset: int, size: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "posix_fallocate", full)
    wanted = r"unfinished has no room for rows.npy, which takes 1,000,128 bytes: No space left on device; make room"
    with pytest.raises(DataError, match=wanted):
        PartialArray(tmp_path / "unfinished", (1000, 1000), np.uint8)
    assert list((tmp_path / "unfinished").iterdir()) == []


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
