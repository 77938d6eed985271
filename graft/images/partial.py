"""An array on disk that is filled row by row and can be gone on with after a crash."""

import errno
import os
from pathlib import Path

import numpy as np
from numpy.lib.format import open_memmap

from graft.errors import DataError


class PartialArray:
    """Rows of a ``.npy`` file, and a mark that says how many of them are complete.

    The folder it lies in belongs to one computation: same inputs, same folder. Rows are on disk
    before the mark moves, so that the mark never promises what a crash could take away.

    Args:
        folder: where the array and its mark lie; made when absent.
        shape: of the whole array, rows first.
        dtype: of its elements.

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

    def mark(self, done: int) -> None:
        """Record that the first `done` rows are complete.

        The file is mapped anew, so that what is written stops counting as this process's memory.
        """
        self.rows.flush()
        del self.rows
        self.rows = open_memmap(self.path, mode="r+")
        fresh = self._mark.with_suffix(".new")
        fresh.write_text(str(done))
        fresh.replace(self._mark)
        self.done = done

    def move(self, path: Path) -> None:
        """Close the array and give its file a final name, on the same file system."""
        del self.rows
        self.path.replace(path)
        self._mark.unlink(missing_ok=True)
