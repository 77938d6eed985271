"""A region is named after its image and its place, and decoding that name gives its pixels."""

from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from graft.images.decode import Square, UnreadableError, decode
from graft.images.regions import Region, image_of_region, located


@pytest.mark.parametrize(
    ("region", "name"), [(Region(1, 2, 30, 40), "a/b.jpg#30x40+1+2"), (Region(-5, 0, 7, 8), "a/b.jpg#7x8-5+0")]
)
def test_a_name_says_image_and_box(region: Region, name: str) -> None:
    assert region.of("a/b.jpg") == name
    assert image_of_region(name) == ("a/b.jpg", region)


@pytest.mark.parametrize("name", ["a.jpg", "a#1.jpg", "a.jpg#30x40", "#30x40+1+2.jpg", "a.jpg#30x40+1+2 "])
def test_other_names_are_of_whole_images(name: str) -> None:
    assert image_of_region(name) == (name, None)


def test_a_file_that_is_called_like_a_region_goes_first(tmp_path: Path) -> None:
    file = tmp_path / "a#3x4+0+0"
    assert located(file) == (tmp_path / "a", Region(0, 0, 3, 4))
    file.touch()
    assert located(file) == (file, None)


def test_a_margin_widens_and_what_lies_outside_is_cut_off() -> None:
    assert Region(10, 20, 10, 30).widened(0.2) == Region(8, 14, 14, 42)
    assert Region(0, 0, 10, 10).widened(0.5).within(12, 40) == Region(0, 0, 12, 15)


def test_the_pixels_are_those_of_the_upright_image_in_full(tmp_path: Path) -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (600, 800, 3), dtype=np.uint8)
    exif = Image.Exif()
    exif[0x0112] = 6  # to be shown turned by 90 degrees clockwise
    Image.fromarray(pixels).save(tmp_path / "a.jpg", quality=95, exif=exif)
    whole = np.asarray(decode(tmp_path / "a.jpg").image)
    assert whole.shape == (800, 600, 3)
    part = decode(tmp_path / "a.jpg#50x70+100+200", shrink_to=8).image  # a JPEG that would shrink to a quarter
    np.testing.assert_array_equal(np.asarray(part), whole[200:270, 100:150])
    square = Square(16)
    read = square.read(BytesIO((tmp_path / "a.jpg").read_bytes()), region=Region(100, 200, 50, 70))
    np.testing.assert_array_equal(read, square.of(part))
    np.testing.assert_array_equal(square.read(tmp_path / "a.jpg#50x70+100+200"), read)


def test_a_region_outside_is_unreadable(tmp_path: Path) -> None:
    Image.new("RGB", (9, 8)).save(tmp_path / "a.png")
    with pytest.raises(UnreadableError, match="the region lies outside the picture of 9 x 8"):
        decode(tmp_path / "a.png#2x2+9+0")
