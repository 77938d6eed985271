"""Decode each picture once and keep its pixels in one memory-mapped file."""

import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
from pydantic import Field

from graft.decode import open_upright, square
from graft.images.partial import PartialArray
from graft.params import Section
from graft.progress import bar

CHUNK = 256
"""Pictures between two marks of progress: what an interrupted run decodes again at most."""


class Presize(Section):
    """The square that every picture is resampled to, once."""

    size: int = Field(ge=8, le=2048)
    """Side in pixels; somewhat larger than what the network sees leaves room for crops."""


def presize(root: Path, paths: Sequence[str], size: int, into: PartialArray) -> None:
    """Fill `into`, uint8 `[N, size, size, 3]`, row by row, going on where an earlier run stopped."""

    def row(path: str) -> np.ndarray:
        return square(open_upright(root / path, shrink_to=size), size)

    with ThreadPoolExecutor(os.cpu_count()) as pool, bar("presize", len(paths), into.done) as progress:
        while into.done < len(paths):
            chunk = paths[into.done : into.done + CHUNK]
            for number, pixels in enumerate(pool.map(row, chunk), start=into.done):
                into.rows[number] = pixels
                progress.update()
            into.mark(into.done + len(chunk))
