"""Decode each picture once and keep its pixels in one memory-mapped file."""

import hashlib
import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from io import BytesIO
from pathlib import Path

import numpy as np
from pydantic import Field

from graft.decode import open_upright, square
from graft.errors import DataError
from graft.images.partial import PartialArray
from graft.params import Section
from graft.progress import bar

CHUNK = 256
"""Pictures between two marks of progress: what an interrupted run decodes again at most."""


class Presize(Section):
    """The square that every picture is resampled to, once."""

    size: int = Field(ge=8, le=2048)
    """Side in pixels; somewhat larger than what the network sees leaves room for crops."""


def presize(root: Path, pictures: Sequence[tuple[str, str]], size: int, into: PartialArray) -> None:
    """Fill `into`, uint8 `[N, size, size, 3]`, row by row, going on where an earlier run stopped.

    Args:
        root: folder of the pictures.
        pictures: path and sha256 of each, as `index` found them.
        size: side of the square.
        into: where the rows go.

    Raises:
        DataError: a file is no longer the one that was indexed.
    """

    def row(picture: tuple[str, str]) -> np.ndarray:
        path, sha256 = picture
        content = (root / path).read_bytes()
        if hashlib.sha256(content).hexdigest() != sha256:
            raise DataError(f"{root / path} has changed since it was indexed; run `dvc repro` again")
        return square(open_upright(BytesIO(content), shrink_to=size), size)

    with ThreadPoolExecutor(os.cpu_count()) as pool, bar("presize", len(pictures), into.done) as progress:
        while into.done < len(pictures):
            chunk = pictures[into.done : into.done + CHUNK]
            for number, pixels in enumerate(pool.map(row, chunk), start=into.done):
                into.rows[number] = pixels
                progress.update()
            into.mark(into.done + len(chunk))
