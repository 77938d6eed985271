"""What is decoded is what the predictor decodes; what cannot be is refused with a reason, and bombs unopened."""

import struct
import tracemalloc
import zlib
from io import BytesIO

import numpy as np
import pytest
from PIL import Image

from graft.apps.serve.pictures import pixels_of
from graft.apps.serve.problems import ProblemError
from graft.images.decode import Square
from tests.apps.serve.made import picture

MOST = 32_000_000


def png_bomb(width: int, height: int) -> bytes:
    """A PNG that claims a size of its own choice in a few bytes."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(b"\0" * 99)) + chunk(b"IEND", b"")
    )


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "GIF", "WEBP", "BMP", "TIFF"])
def test_pixels_are_those_of_the_predictor(kind: str) -> None:
    data = picture("green", kind, 300, 200)
    wanted = Square(16).read(BytesIO(data))
    np.testing.assert_array_equal(pixels_of(data, Square(16), MOST), wanted)


def test_orientation_is_applied() -> None:
    image = Image.fromarray(np.random.default_rng(0).integers(0, 255, (16, 16, 3)).astype(np.uint8))
    exif = Image.Exif()
    exif[0x0112] = 6
    out = BytesIO()
    image.transpose(Image.Transpose.ROTATE_90).save(out, "PNG", exif=exif)
    np.testing.assert_array_equal(pixels_of(out.getvalue(), Square(16), MOST), np.asarray(image))


@pytest.mark.parametrize(
    ("data", "status", "said"),
    [
        (b"", 422, "the file is empty"),
        (b"hello, world", 422, "not a picture in a format that is read (JPEG, PNG"),
        (b"%PDF-1.7 " + b"x" * 99, 422, "not a picture"),
        (b"<svg xmlns='http://www.w3.org/2000/svg'/>", 422, "not a picture"),
        (b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n", 422, "not a picture"),
        (picture(kind="JPEG", width=200, height=200)[:400], 422, "the picture is damaged"),
        (picture(width=200, height=200)[:-40], 422, "the picture is damaged"),
        (picture(kind="PPM"), 422, "not a picture in a format that is read (JPEG, PNG, WEBP, GIF, AVIF, BMP, TIFF)"),
        (picture(kind="QOI"), 422, "not a picture in a format"),
        (picture(kind="SGI"), 422, "not a picture in a format"),
        (picture(kind="JPEG2000"), 422, "not a picture in a format"),
        (png_bomb(5000, 5000), 413, "5000 x 5000 is over 20000000 pixels; send a smaller picture"),
        (png_bomb(10_000, 10_000), 413, "more than 20000000"),
        (png_bomb(2**31 - 1, 2**31 - 1), 413, "more than 20000000"),
    ],
    ids=lambda value: value[:12] if isinstance(value, bytes) else "",
)
def test_refusals(data: bytes, status: int, said: str) -> None:
    tracemalloc.start()
    try:
        with pytest.raises(ProblemError) as refused:
            pixels_of(data, Square(16), 20_000_000)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert refused.value.status == status
    assert said in str(refused.value)
    assert "0x" not in str(refused.value)  # no address of an object
    assert peak < 2**22
