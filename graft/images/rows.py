"""An array with one row a picture, memory-mapped, beside a table that says whose each row is."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from graft import tables
from graft.errors import DataError


class PictureRows:
    """Rows of pixels or features, read from disk when they are used.

    Attributes:
        array: `[N, ...]`, read-only: pixels `[N, S, S, 3]` uint8, or features `[N, D]` float32.
        paths: the picture of every row.
    """

    def __init__(self, file: Path) -> None:
        self.array: NDArray[Any] = np.load(file, mmap_mode="r", allow_pickle=False)
        self.paths: list[str] = tables.read(file.with_name("rows.csv"), ["path"])["path"].tolist()
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

    def read(self, rows: NDArray[np.int64]) -> NDArray[Any]:
        """Copy some rows into memory."""
        return np.ascontiguousarray(self.array[rows])
