"""Training pictures from which the ranges of activations are read."""

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from graft.images.rows import PictureRows
from graft.seeds import derive

BATCH = 16


def drawn(pixels: PictureRows, rows: NDArray[np.int64], count: int) -> Iterator[NDArray[np.uint8]]:
    """Yield at most `count` of some pictures, drawn at random, always the same: batches `[B, S, S, 3]`, uint8."""
    some = np.sort(np.random.default_rng(derive(0, "int8")).permutation(rows)[:count])
    for start in range(0, len(some), BATCH):
        yield pixels.read(some[start : start + BATCH])
