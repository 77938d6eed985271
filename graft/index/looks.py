"""What a picture looks like, small enough to keep for every picture of a dataset.

A look is all that the search for duplicates needs, so that each file is decoded only once.
"""

import hashlib
from dataclasses import dataclass

import imagehash
import numpy as np
from numpy.typing import NDArray
from PIL import Image

SIDE = 32
"""Side of the thumbnail: coarse enough to survive re-encoding, fine enough to tell solar cells apart."""

_STRIP = 1 << 22
"""Pixels hashed at a time, so that a huge picture is not copied whole."""


@dataclass(frozen=True, slots=True)
class Look:
    """The fingerprints of one picture.

    `pixels` is the SHA-256 of size and pixels, hexadecimal. `phash` is the perceptual hash, 64
    bits. `thumbnail` is the whole picture in grey, aspect ratio given up: `[32, 32]`, uint8.
    """

    pixels: str
    phash: np.uint64
    thumbnail: NDArray[np.uint8]


def look(image: Image.Image) -> Look:
    """Fingerprint an upright RGB picture; safe and mostly parallel in threads.

    Source: the hash is `imagehash.phash` of the ImageHash library, of the thumbnail: signs of the
    8 x 8 lowest frequencies against their median, row by row, the first one highest.
    """
    # reducing_gap averages by whole steps first: nearly the same thumbnail in a fraction of the time
    grey = image.convert("L").resize((SIDE, SIDE), Image.Resampling.LANCZOS, reducing_gap=3.0)
    signs = np.packbits(imagehash.phash(grey).hash)
    return Look(
        pixels=_digest(image),
        phash=np.uint64(int.from_bytes(signs.tobytes(), "big")),
        thumbnail=np.asarray(grey, dtype=np.uint8),
    )


def _digest(image: Image.Image) -> str:
    digest = hashlib.sha256(f"{image.width}x{image.height}:".encode())
    rows = max(1, _STRIP // image.width)
    if rows >= image.height:
        digest.update(image.tobytes())
    else:
        for top in range(0, image.height, rows):
            digest.update(image.crop((0, top, image.width, min(top + rows, image.height))).tobytes())
    return digest.hexdigest()
