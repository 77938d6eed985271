"""A fingerprint is the same for the same pixels and close for the same image; stored ones come back in order."""

import hashlib
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import imagehash
import numpy as np
import pytest
from PIL import Image

from graft.index import fingerprints
from graft.index.fingerprints import COLOURS, SIDE, FingerprintStore, fingerprint

Draw = Callable[[int, int, int], Image.Image]


def test_the_digest_is_of_size_and_pixels(draw: Draw) -> None:
    image = draw(0, 12, 8)
    assert fingerprint(image).pixels == hashlib.sha256(b"12x8:" + image.tobytes()).hexdigest()
    flat = [fingerprint(Image.new("RGB", size)).pixels for size in ((4, 6), (6, 4), (4, 6))]
    assert flat[0] != flat[1]
    assert flat[0] == flat[2]


@pytest.mark.parametrize("strip", [1, 40, 41, 500, 1 << 22])
def test_hashing_by_strips_gives_the_same_digest(draw: Draw, strip: int, monkeypatch: pytest.MonkeyPatch) -> None:
    image = draw(1, 40, 23)
    whole = fingerprint(image).pixels
    monkeypatch.setattr(fingerprints, "_STRIP", strip)
    assert fingerprint(image).pixels == whole


def test_the_hash_is_that_of_the_library(draw: Draw) -> None:
    for seed in range(20):
        seen = fingerprint(draw(seed, 90, 70))
        assert f"{int(seen.phash):016x}" == str(imagehash.phash(Image.fromarray(seen.thumbnail)))


def test_the_thumbnail_is_the_whole_image_in_grey() -> None:
    halves = np.zeros((200, 300, 3), dtype=np.uint8)
    halves[:, 150:] = (255, 0, 0)
    thumbnail = fingerprint(Image.fromarray(halves)).thumbnail
    assert thumbnail.shape == (SIDE, SIDE)
    assert thumbnail.dtype == np.uint8
    assert (thumbnail[:, :14] == 0).all()
    assert (thumbnail[:, 18:] == 76).all()  # 0.299 of 255


def test_chroma_is_the_colour_without_brightness() -> None:
    halves = np.full((40, 80, 3), 90, dtype=np.uint8)
    halves[:, 40:] = (255, 0, 0)
    chroma = fingerprint(Image.fromarray(halves)).chroma
    assert chroma.shape == (COLOURS, COLOURS, 2)
    assert (chroma[:, :3] == 128).all()
    assert np.abs(chroma[:, 5:].astype(int) - (85, 255)).max() <= 1  # Cb and Cr of red in JFIF


@pytest.mark.parametrize("factor", [0.5, 2.0, 7.0])
def test_a_resized_image_looks_much_the_same(draw: Draw, factor: float) -> None:
    image = draw(2, 128, 96)
    one, other = (
        fingerprint(image),
        fingerprint(image.resize((int(128 * factor), int(96 * factor)), Image.Resampling.BICUBIC)),
    )
    assert one.pixels != other.pixels
    assert int(one.phash ^ other.phash).bit_count() <= 4
    assert np.abs(one.thumbnail.astype(int) - other.thumbnail).max() <= 6


@pytest.mark.parametrize("size", [(1, 1), (1, 900), (900, 1)])
def test_any_size_has_a_fingerprint(size: tuple[int, int]) -> None:
    assert fingerprint(Image.new("RGB", size, "red")).thumbnail.shape == (SIDE, SIDE)


def test_threads_make_no_difference(draw: Draw) -> None:
    images = [draw(seed, 64, 48) for seed in range(40)]
    with ThreadPoolExecutor(8) as pool:
        together = list(pool.map(fingerprint, images))
    for image, seen in zip(images, together, strict=True):
        alone = fingerprint(image)
        assert (alone.pixels, alone.phash) == (seen.pixels, seen.phash)
        assert (alone.thumbnail == seen.thumbnail).all()


@pytest.mark.parametrize("count", [0, 1, 5])
def test_fingerprints_come_back_as_they_were_added(tmp_path: Path, draw: Draw, count: int) -> None:
    store, prints = (
        FingerprintStore(tmp_path / "new folder" / "prints"),
        [fingerprint(draw(seed, 30, 20)) for seed in range(count)],
    )
    for one in prints:
        store.add(one)
    assert store.pixels == [one.pixels for one in prints]
    assert store.hashes.tolist() == [int(one.phash) for one in prints]
    assert store.thumbnails.shape == (count, SIDE, SIDE)
    for row, colours, one in zip(store.thumbnails, store.chroma, prints, strict=True):
        np.testing.assert_array_equal(row, one.thumbnail)
        np.testing.assert_array_equal(colours, one.chroma)


def test_a_store_begins_anew_and_grows_while_it_is_read(tmp_path: Path, draw: Draw) -> None:
    FingerprintStore(tmp_path / "prints").add(fingerprint(draw(0, 9, 9)))
    store = FingerprintStore(tmp_path / "prints")
    assert len(store.thumbnails) == 0
    for seed in (1, 2):
        store.add(fingerprint(draw(seed, 9, 9)))
        assert len(store.thumbnails) == seed
    np.testing.assert_array_equal(store.thumbnails[1], fingerprint(draw(2, 9, 9)).thumbnail)
