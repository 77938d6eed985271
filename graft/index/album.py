"""The looks of all pictures of a dataset: a few bytes of each in memory, the thumbnails on disk."""

from array import array
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from graft.index.looks import SIDE, Look

BUFFER = 4 * 2**20
"""Bytes of thumbnails that wait to be written together."""


class Album:
    """Looks in the order in which they are added.

    Attributes:
        pixels: digest of the pixels of each.

    Args:
        file: scratch space for the thumbnails, a kilobyte a picture; begun anew.
    """

    def __init__(self, file: Path) -> None:
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(b"")
        self._file = file
        self._waiting = bytearray()
        self.pixels: list[str] = []
        self._hashes = array("Q")

    def add(self, look: Look) -> None:
        """Add one picture."""
        self.pixels.append(look.pixels)
        self._hashes.append(int(look.phash))
        self._waiting += look.thumbnail.tobytes()
        if len(self._waiting) > BUFFER:
            self._write()

    @property
    def hashes(self) -> NDArray[np.uint64]:
        """Perceptual hash of each, `[N]`."""
        return np.frombuffer(self._hashes.tobytes(), dtype=np.uint64)

    @property
    def thumbnails(self) -> NDArray[np.uint8]:
        """Thumbnail of each, `[N, S, S]`, mapped from disk."""
        self._write()
        if not len(self._hashes):
            return np.empty((0, SIDE, SIDE), dtype=np.uint8)
        return np.memmap(self._file, dtype=np.uint8, mode="r", shape=(len(self._hashes), SIDE, SIDE))

    def _write(self) -> None:
        with self._file.open("ab") as file:
            file.write(self._waiting)
        self._waiting.clear()
