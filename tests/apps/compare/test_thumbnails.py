"""Small pictures come out of the cache, in the shape they had."""

import base64
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from graft.apps.compare.page import SIDE, thumbnails


@pytest.fixture
def presized(tmp_path: Path) -> Path:
    """Two squares: one was wide, one is red and was high."""
    pixels = np.zeros((2, 16, 16, 3), dtype=np.uint8)
    pixels[1, ..., 0] = 255
    np.save(tmp_path / "pixels.npy", pixels)
    (tmp_path / "rows.csv").write_text("path,aspect\na.png,2.0\nb.png,0.1\n")
    return tmp_path


def test_images_have_the_shape_they_had(presized: Path) -> None:
    found = thumbnails(["b.png", "a.png", "b.png", "c.png"], presized)
    assert sorted(found) == ["a.png", "b.png"]
    opened = {
        path: Image.open(BytesIO(base64.b64decode(address.removeprefix("data:image/jpeg;base64,"))))
        for path, address in found.items()
    }
    assert opened["a.png"].size == (SIDE, SIDE // 2)
    assert opened["b.png"].size == (round(SIDE / 10), SIDE)
    red = opened["b.png"].getpixel((5, 100))
    assert isinstance(red, tuple)
    assert red[0] > 240


def test_without_a_cache_there_are_none(tmp_path: Path) -> None:
    assert thumbnails(["a.png"], tmp_path / "presized") == {}
