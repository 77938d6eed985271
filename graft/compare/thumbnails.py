"""Small pictures for a page, out of the presized pixels."""

import base64
from collections.abc import Sequence
from io import BytesIO
from pathlib import Path

from PIL import Image

from graft import tables
from graft.images.rows import PictureRows

SIDE = 224
"""Pixels of the longer side: twice what the page shows, for screens of fine grain."""


def thumbnails(paths: Sequence[str], presized: Path) -> dict[str, str]:
    """Return the pictures as data addresses of JPEGs, by path; those that were never presized are left out.

    Args:
        presized: the folder that `presize` writes; it may be absent.
    """
    pixels = presized / "pixels.npy"
    if not (pixels.is_file() and pixels.with_name("rows.csv").is_file()):
        return {}
    pictures = PictureRows(pixels)
    # the cache holds squares; its table says of what shape each picture was
    rows = tables.read(pixels.with_name("rows.csv"), ["path", "width", "height"])
    rows = rows[rows["path"].isin(list(paths))]
    found: dict[str, str] = {}
    for path, width, height in zip(rows["path"], rows["width"], rows["height"], strict=True):
        square = Image.fromarray(pictures.read(pictures.find([path]))[0])
        found[path] = _address(square, int(width), int(height))
    return found


def _address(square: Image.Image, width: int, height: int) -> str:
    scale = SIDE / max(width, height)
    shape = max(1, round(width * scale)), max(1, round(height * scale))
    stream = BytesIO()
    square.resize(shape, Image.Resampling.LANCZOS).save(stream, "JPEG", quality=85)
    return "data:image/jpeg;base64," + base64.b64encode(stream.getvalue()).decode()
