"""Features of every picture as `embed` stored them."""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from graft.errors import DataError
from graft.images.rows import PictureRows


class Embeddings(PictureRows):
    """Features `[N, V, D]`, float32, memory-mapped: of each picture's views, the plain one first.

    Raises:
        DataError: the file is of an older graft, which stored one view without saying so.
    """

    def __init__(self, file: Path) -> None:
        super().__init__(file)
        if self.array.ndim != 3:
            raise DataError(f"{file} has the shape {list(self.array.shape)}, not [N, V, D]; run `dvc repro embed`")
        self.views, self.width = self.array.shape[1:]

    def plain(self, rows: NDArray[np.int64]) -> NDArray[np.float32]:
        """Copy the features of some pictures' plain view into memory: `[B, D]`."""
        return self.at(rows, np.zeros_like(rows))

    def at(self, rows: NDArray[np.int64], views: NDArray[np.int64]) -> NDArray[np.float32]:
        """Copy the features of one view of each of some pictures into memory: `[B, D]`."""
        found: NDArray[np.float32] = self.array[rows, views]
        return found
