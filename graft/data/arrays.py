"""An array on disk that is filled row by row and can be gone on with after a crash."""

import errno
import os
from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.lib.format import open_memmap
from numpy.typing import NDArray

from graft.core import tables
from graft.core.errors import DataError
from graft.core.files import write_text


class PartialArray:
    """Rows of a ``.npy`` file, and a mark beside it that says how many of them are complete.

    The folder belongs to one computation: same inputs, same folder. Rows are on disk before the mark
    moves, so that the mark never promises what a crash could take away.

    Raises:
        DataError: the disk has no room for the whole array.
    """

    def __init__(self, folder: Path, shape: tuple[int, ...], dtype: type[np.generic]) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.path = folder / "rows.npy"
        self._mark = folder / "done"
        self.done = 0
        if self._mark.is_file() and self.path.is_file():
            self.rows = open_memmap(self.path, mode="r+")
            if self.rows.shape == shape and self.rows.dtype == dtype:
                self.done = int(self._mark.read_text())
                return
        self._mark.unlink(missing_ok=True)
        self.rows = open_memmap(self.path, mode="w+", dtype=dtype, shape=shape)
        self._reserve()

    def _reserve(self) -> None:
        """Have the disk set the whole file's room aside: one that fills up later kills whoever writes to the map."""
        size = self.path.stat().st_size
        if not size or not hasattr(os, "posix_fallocate"):
            return
        try:
            with self.path.open("r+b") as file:
                os.posix_fallocate(file.fileno(), 0, size)
        except OSError as error:
            if error.errno not in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
                return  # not every file system can
            del self.rows
            self.path.unlink()
            raise DataError(
                f"{self.path.parent} has no room for {self.path.name}, which takes {size:,} bytes: "
                f"{error.strerror}; make room, or let the project lie on a larger disk"
            ) from error

    def put(self, number: int, row: NDArray[Any]) -> None:
        """Write one row."""
        self.rows[number] = row

    def mark(self, done: int) -> None:
        """Record that the first `done` rows are complete.

        The file is mapped anew, so that what is written stops counting as this process's memory.
        """
        self.rows.flush()
        del self.rows
        self.rows = open_memmap(self.path, mode="r+")
        write_text(self._mark, str(done))
        self.done = done

    def move(self, path: Path) -> None:
        """Close the array and give its file a final name, on the same file system."""
        del self.rows
        self.path.replace(path)
        self._mark.unlink(missing_ok=True)


class ImageRows:
    """Rows of pixels or features, read from disk when they are used.

    Attributes:
        array: `[N, ...]`, read-only: pixels `[N, S, S, 3]` uint8, or features `[N, D]` float32.
        shape: of all rows.
        paths: the image of every row.
        quality: with which rows were encoded as JPEGs; None where they are as they were.
    """

    quality: int | None = None

    def __init__(self, file: Path) -> None:
        self.array: NDArray[Any] = np.load(file, mmap_mode="r", allow_pickle=False)
        self.shape: tuple[int, ...] = self.array.shape
        self._read_table(file)

    def _read_table(self, file: Path) -> None:
        self._table = file.with_name("rows.csv")
        self.paths: list[str] = tables.read(self._table, ["path"])["path"].tolist()
        self._row = {path: row for row, path in enumerate(self.paths)}

    def find(self, paths: Sequence[str]) -> NDArray[np.int64]:
        """Return the row of each path.

        Raises:
            DataError: a path has no row.
        """
        try:
            return np.asarray([self._row[path] for path in paths], dtype=np.int64)
        except KeyError as error:
            raise DataError(f"{error.args[0]!r} is labelled but was never presized; run `dvc repro`") from error

    @cached_property
    def aspects(self) -> NDArray[np.float32]:
        """Width over height of what the square of every row shows, `[N]`: 1 where nothing is squeezed.

        Raises:
            DataError: the table does not say it.
        """
        try:
            column = tables.read(self._table, ["aspect"])["aspect"]
        except ValueError as error:
            raise DataError(f"{self._table} has no column 'aspect'; run `dvc repro presize`") from error
        return column.to_numpy(np.float64).astype(np.float32)

    def read(self, rows: NDArray[np.int64], out: NDArray[Any] | None = None) -> NDArray[Any]:
        """Copy some rows into memory: into `out`, or a new array."""
        if out is None:
            return np.ascontiguousarray(self.array[rows])
        return np.take(self.array, rows, axis=0, out=out, mode="wrap")  # in the mode "raise" it copies twice


class Embeddings(ImageRows):
    """Features `[N, V, D]`, float32, memory-mapped: of each image's views, the plain one first.

    Raises:
        DataError: the file is of an older graft, which stored one view without saying so.
    """

    def __init__(self, file: Path) -> None:
        super().__init__(file)
        if self.array.ndim != 3:
            raise DataError(f"{file} has the shape {list(self.array.shape)}, not [N, V, D]; run `dvc repro embed`")
        self.views, self.width = self.array.shape[1:]

    def plain(self, rows: NDArray[np.int64]) -> NDArray[np.float32]:
        """Copy the features of some images' plain view into memory: `[B, D]`."""
        return self.at(rows, np.zeros_like(rows))

    def at(self, rows: NDArray[np.int64], views: NDArray[np.int64]) -> NDArray[np.float32]:
        """Copy the features of one view of each of some images into memory: `[B, D]`."""
        found: NDArray[np.float32] = self.array[rows, views]
        return found
