"""JPEGs in one file: each is found and decoded by itself, and an interrupted store goes on to the same bytes."""

from io import BytesIO
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from graft.core.errors import DataError
from graft.data.arrays import ImageRows
from graft.data.presized import JPEGS, JpegRows, PartialJpegs, as_stored, decode, encode, read_presized

COUNT, SIDE, QUALITY = 6, 24, 90


@pytest.fixture
def pixels() -> np.ndarray:
    """Smooth colours, as of photographs, `[N, S, S, 3]`."""
    waves = np.sin(np.arange(COUNT * SIDE * SIDE * 3, dtype=np.float64).reshape(COUNT, SIDE, SIDE, 3) / 40)
    return (127 + 120 * waves).astype(np.uint8)


def stored(folder: Path, pixels: np.ndarray, start: int = 0) -> Path:
    """A finished store, written from some row on."""
    into = PartialJpegs(folder / "unfinished", COUNT, SIDE, QUALITY)
    assert into.done == start
    for number in range(start, COUNT):
        into.put(number, encode(pixels[number], QUALITY))
    into.mark(COUNT)
    folder.joinpath("presized").mkdir(exist_ok=True)
    into.move(folder / "presized" / JPEGS)
    pd.DataFrame({"path": [f"{row}.png" for row in range(COUNT)], "aspect": 1.0}).to_csv(
        folder / "presized/rows.csv", index=False
    )
    return folder / "presized"


def test_what_is_read_is_what_any_decoder_makes_of_it(pixels: np.ndarray) -> None:
    content = encode(pixels[0], QUALITY)
    image = Image.open(BytesIO(content))
    assert (image.format, image.mode, image.size) == ("JPEG", "RGB", (SIDE, SIDE))
    assert [layer[1:3] for layer in image.layer] == [(1, 1)] * 3  # type: ignore[attr-defined] # colour in full
    np.testing.assert_array_equal(as_stored(pixels[0], QUALITY), np.asarray(image))
    assert 0 < np.abs(as_stored(pixels[0], QUALITY).astype(int) - pixels[0]).mean() < 3


def test_any_rows_are_read_in_any_order(tmp_path: Path, pixels: np.ndarray) -> None:
    images = read_presized(stored(tmp_path, pixels))
    assert (images.shape, images.quality) == ((COUNT, SIDE, SIDE, 3), QUALITY)
    rows = np.array([4, 0, 4, 5])
    expected = np.stack([as_stored(pixels[row], QUALITY) for row in rows])
    np.testing.assert_array_equal(images.read(rows), expected)
    out = np.zeros((2, SIDE, SIDE, 3), np.uint8)
    images.read(images.find(["0.png", "4.png"]), out)
    np.testing.assert_array_equal(out, expected[[1, 0]])
    assert images.read(rows[:0]).shape == (0, SIDE, SIDE, 3)


@pytest.mark.parametrize("marked", [0, 2, 5])
def test_an_interrupted_store_goes_on_to_the_same_bytes(tmp_path: Path, pixels: np.ndarray, marked: int) -> None:
    whole = stored(tmp_path / "whole", pixels)
    begun = PartialJpegs(tmp_path / "again/unfinished", COUNT, SIDE, QUALITY)
    for number in range(marked):
        begun.put(number, encode(pixels[number], QUALITY))
    if marked:
        begun.mark(marked)
    begun.put(marked, encode(pixels[0], QUALITY))  # beyond the mark, and of another image
    again = stored(tmp_path / "again", pixels, start=marked)
    for name in (JPEGS, "offsets.npy", "jpeg.json"):
        assert (again / name).read_bytes() == (whole / name).read_bytes()


def test_rows_come_in_order(tmp_path: Path, pixels: np.ndarray) -> None:
    into = PartialJpegs(tmp_path, COUNT, SIDE, QUALITY)
    with pytest.raises(AssertionError, match="row 1 is not the next"):
        into.put(1, encode(pixels[1], QUALITY))


@pytest.mark.parametrize("damage", [b"\0" * 40, b"\xff\xd8\xff"])
def test_a_damaged_file_is_named(tmp_path: Path, pixels: np.ndarray, damage: bytes) -> None:
    folder = stored(tmp_path, pixels)
    content = bytearray((folder / JPEGS).read_bytes())
    start = int(np.load(folder / "offsets.npy")[3])
    content[start : start + 40] = damage.ljust(40, b"\0")
    (folder / JPEGS).write_bytes(content)
    with pytest.raises(DataError, match=r"pixels.jpegs: '3.png' cannot be decoded .*`dvc repro --force presize`"):
        JpegRows(folder / JPEGS).read(np.array([2, 3]))


def test_an_image_of_another_size_is_none_of_the_store(pixels: np.ndarray) -> None:
    with pytest.raises(ValueError, match="buffer"):
        decode(encode(pixels[0], QUALITY), np.empty((8, 8, 3), np.uint8))


def test_pixels_are_read_as_they_are(tmp_path: Path, pixels: np.ndarray) -> None:
    np.save(tmp_path / "pixels.npy", pixels)
    pd.DataFrame({"path": [f"{row}.png" for row in range(COUNT)]}).to_csv(tmp_path / "rows.csv", index=False)
    images = read_presized(tmp_path)
    assert (type(images), images.shape, images.quality) == (ImageRows, pixels.shape, None)
    np.testing.assert_array_equal(images.read(np.array([3, 1])), pixels[[3, 1]])
