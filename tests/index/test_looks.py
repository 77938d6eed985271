"""A look is the same for the same pixels, and close for the same picture."""

import hashlib
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import imagehash
import numpy as np
import pytest
from PIL import Image

from graft.index import fingerprints
from graft.index.fingerprints import SIDE, look

Draw = Callable[[int, int, int], Image.Image]


def test_the_digest_is_of_size_and_pixels(draw: Draw) -> None:
    image = draw(0, 12, 8)
    assert look(image).pixels == hashlib.sha256(b"12x8:" + image.tobytes()).hexdigest()
    flat = [look(Image.new("RGB", size)).pixels for size in ((4, 6), (6, 4), (4, 6))]
    assert flat[0] != flat[1]
    assert flat[0] == flat[2]


@pytest.mark.parametrize("strip", [1, 40, 41, 500, 1 << 22])
def test_hashing_by_strips_gives_the_same_digest(draw: Draw, strip: int, monkeypatch: pytest.MonkeyPatch) -> None:
    image = draw(1, 40, 23)
    whole = look(image).pixels
    monkeypatch.setattr(fingerprints, "_STRIP", strip)
    assert look(image).pixels == whole


def test_the_hash_is_that_of_the_library(draw: Draw) -> None:
    for seed in range(20):
        seen = look(draw(seed, 90, 70))
        assert f"{int(seen.phash):016x}" == str(imagehash.phash(Image.fromarray(seen.thumbnail)))


def test_the_thumbnail_is_the_whole_image_in_grey() -> None:
    halves = np.zeros((200, 300, 3), dtype=np.uint8)
    halves[:, 150:] = (255, 0, 0)
    thumbnail = look(Image.fromarray(halves)).thumbnail
    assert thumbnail.shape == (SIDE, SIDE)
    assert thumbnail.dtype == np.uint8
    assert (thumbnail[:, :14] == 0).all()
    assert (thumbnail[:, 18:] == 76).all()  # 0.299 of 255


@pytest.mark.parametrize("factor", [0.5, 2.0, 7.0])
def test_a_resized_image_looks_much_the_same(draw: Draw, factor: float) -> None:
    image = draw(2, 128, 96)
    one, other = look(image), look(image.resize((int(128 * factor), int(96 * factor)), Image.Resampling.BICUBIC))
    assert one.pixels != other.pixels
    assert int(one.phash ^ other.phash).bit_count() <= 4
    assert np.abs(one.thumbnail.astype(int) - other.thumbnail).max() <= 6


@pytest.mark.parametrize("size", [(1, 1), (1, 900), (900, 1)])
def test_any_size_has_a_look(size: tuple[int, int]) -> None:
    assert look(Image.new("RGB", size, "red")).thumbnail.shape == (SIDE, SIDE)


def test_threads_make_no_difference(draw: Draw) -> None:
    images = [draw(seed, 64, 48) for seed in range(40)]
    with ThreadPoolExecutor(8) as pool:
        together = list(pool.map(look, images))
    for image, seen in zip(images, together, strict=True):
        alone = look(image)
        assert (alone.pixels, alone.phash) == (seen.pixels, seen.phash)
        assert (alone.thumbnail == seen.thumbnail).all()
