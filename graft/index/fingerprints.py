"""Fingerprints of an image: all that the search for duplicates needs, so that each file is decoded only once."""

import hashlib
from array import array
from dataclasses import dataclass
from pathlib import Path

import imagehash
import numpy as np
from numpy.typing import NDArray
from PIL import Image

SIDE = 32
"""Side of the thumbnail: coarse enough to survive re-encoding, fine enough to tell solar cells apart."""

COLOURS = 8
"""Side of the chroma: colour is told apart as a person sees it, by large areas."""

_STRIP = 1 << 22
"""Pixels hashed at a time, so that a huge image is not copied whole."""


@dataclass(frozen=True, slots=True)
class Fingerprint:
    """The fingerprints of one image.

    `pixels` is the SHA-256 of size and pixels, hexadecimal. `phash` is the perceptual hash, 64 bits.
    `thumbnail` is the whole image in grey, aspect ratio given up: `[32, 32]`, uint8. `chroma` is what it has of
    colour, Cb and Cr of YCbCr: `[8, 8, 2]`, uint8, 128 where it is grey.
    """

    pixels: str
    phash: np.uint64
    thumbnail: NDArray[np.uint8]
    chroma: NDArray[np.uint8]


def fingerprint(image: Image.Image) -> Fingerprint:
    """Fingerprint an upright RGB image; safe and mostly parallel in threads.

    Source: the hash is `imagehash.phash` of the ImageHash library, of the thumbnail: signs of the
    8 x 8 lowest frequencies against their median, row by row, the first one highest.
    """
    # reducing_gap averages by whole steps first: nearly the same thumbnail in a fraction of the time
    grey = image.convert("L").resize((SIDE, SIDE), Image.Resampling.LANCZOS, reducing_gap=3.0)
    signs = np.packbits(imagehash.phash(grey).hash)
    phash = np.uint64(int.from_bytes(signs.tobytes(), "big"))
    small = image.resize((COLOURS, COLOURS), Image.Resampling.BOX, reducing_gap=3.0).convert("YCbCr")
    chroma = np.asarray(small, dtype=np.uint8)[..., 1:]
    return Fingerprint(_digest(image), phash, np.asarray(grey, dtype=np.uint8), chroma)


def _digest(image: Image.Image) -> str:
    digest = hashlib.sha256(f"{image.width}x{image.height}:".encode())
    rows = max(1, _STRIP // image.width)
    for top in range(0, image.height, rows):
        strip = image if rows >= image.height else image.crop((0, top, image.width, min(top + rows, image.height)))
        digest.update(strip.tobytes())
    return digest.hexdigest()


class FingerprintStore:
    """Fingerprints in the order in which they are added; `pixels` has the digest of each.

    Args:
        file: scratch space for the thumbnails and chroma, a kilobyte an image; begun anew.
    """

    def __init__(self, file: Path) -> None:
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(b"")
        self._file = file
        self._buffer = bytearray()
        self.pixels: list[str] = []
        self._hashes = array("Q")

    def add(self, fingerprint: Fingerprint) -> None:
        """Add those of one image."""
        self.pixels.append(fingerprint.pixels)
        self._hashes.append(int(fingerprint.phash))
        self._buffer += fingerprint.thumbnail.tobytes() + fingerprint.chroma.tobytes()
        if len(self._buffer) > 4 * 2**20:
            self._flush()

    @property
    def hashes(self) -> NDArray[np.uint64]:
        """Perceptual hash of each, `[N]`."""
        return np.frombuffer(self._hashes.tobytes(), dtype=np.uint64)

    @property
    def thumbnails(self) -> NDArray[np.uint8]:
        """Thumbnail of each, `[N, S, S]`, mapped from disk."""
        return self._mapped["thumbnail"]

    @property
    def chroma(self) -> NDArray[np.uint8]:
        """Chroma of each, `[N, C, C, 2]`, mapped from disk."""
        return self._mapped["chroma"]

    @property
    def _mapped(self) -> NDArray[np.void]:
        self._flush()
        row = np.dtype([("thumbnail", np.uint8, (SIDE, SIDE)), ("chroma", np.uint8, (COLOURS, COLOURS, 2))])
        if not len(self._hashes):
            return np.empty(0, dtype=row)
        return np.memmap(self._file, dtype=row, mode="r", shape=(len(self._hashes),))

    def _flush(self) -> None:
        with self._file.open("ab") as file:
            file.write(self._buffer)
        self._buffer.clear()
