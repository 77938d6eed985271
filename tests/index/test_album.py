"""What is added comes back in order, whatever its number."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from graft.index.fingerprints import SIDE, Album, look

Draw = Callable[[int, int, int], Image.Image]


@pytest.mark.parametrize("count", [0, 1, 5])
def test_looks_come_back_as_they_were_added(tmp_path: Path, draw: Draw, count: int) -> None:
    album, looks = Album(tmp_path / "new folder" / "looks"), [look(draw(seed, 30, 20)) for seed in range(count)]
    for one in looks:
        album.add(one)
    assert album.pixels == [one.pixels for one in looks]
    assert album.hashes.tolist() == [int(one.phash) for one in looks]
    assert album.thumbnails.shape == (count, SIDE, SIDE)
    for row, one in zip(album.thumbnails, looks, strict=True):
        np.testing.assert_array_equal(row, one.thumbnail)


def test_an_album_begins_anew_and_grows_while_it_is_read(tmp_path: Path, draw: Draw) -> None:
    Album(tmp_path / "looks").add(look(draw(0, 9, 9)))
    album = Album(tmp_path / "looks")
    assert len(album.thumbnails) == 0
    for seed in (1, 2):
        album.add(look(draw(seed, 9, 9)))
        assert len(album.thumbnails) == seed
    np.testing.assert_array_equal(album.thumbnails[1], look(draw(2, 9, 9)).thumbnail)
