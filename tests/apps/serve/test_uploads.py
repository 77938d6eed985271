"""Images are read from any form, and decoded as the predictor does; the rest is refused with a reason."""

import asyncio
import struct
import tracemalloc
import zlib
from contextlib import suppress
from io import BytesIO
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image
from starlette.requests import Request
from starlette.types import Message

from graft.apps.serve.responses import ProblemError
from graft.apps.serve.uploads import MAX_NAME, Upload, decode, printable, read_uploads
from graft.images.decode import Square
from tests.apps.serve.colours import BOUNDARY, FORM, form, image_bytes

FILES = [("a.png", b"\x00\r\n--\xff" * 50), ("b.jpg", b""), ("c.gif", b"--" + BOUNDARY.encode())]
FIELD = f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="x\ty"\r\n\r\n1\r\n--{BOUNDARY}--\r\n'.encode()
PNG = {"Content-Type": "image/png"}


def read(
    body: bytes, headers: dict[str, str] = FORM, cuts: list[int] | None = None, max_files: int = 3
) -> list[Upload]:
    """Read uploads from a body that comes in chunks."""
    edges = [0, *sorted(min(cut, len(body)) for cut in cuts or []), len(body)]
    messages: list[Message] = [
        {"type": "http.request", "body": body[start:stop], "more_body": True} for start, stop in pairwise(edges)
    ]
    messages.append({"type": "http.request", "body": b"", "more_body": False})

    async def receive() -> Message:
        return messages.pop(0)

    raw = [(name.lower().encode(), value.encode()) for name, value in headers.items()]
    return asyncio.run(read_uploads(Request({"type": "http", "headers": raw}, receive), max_files))


@given(st.lists(st.integers(0, 600), max_size=8))
def test_a_form_is_read_however_it_is_cut(cuts: list[int]) -> None:
    assert [(upload.name, upload.data) for upload in read(form(FILES), cuts=cuts)] == FILES


def test_what_follows_the_end_of_a_form_is_ignored() -> None:
    assert len(read(form(FILES) + b"epilogue")) == 3


def test_a_body_may_be_the_image_itself() -> None:
    assert read(b"bytes", PNG, [2]) == [Upload(None, b"bytes")]


@pytest.mark.parametrize(
    ("headers", "body", "status", "message"),
    [
        (FORM, b"", 400, "breaks off before its last boundary"),
        (FORM, form([("a.png", b"x")], ended=False), 400, "breaks off"),
        (FORM, b"no form at all", 400, "cannot be read: Invalid multipart data"),
        (FORM, f"--{BOUNDARY}--\r\n".encode(), 422, "the form holds no picture"),
        (FORM, FIELD, 422, "is no file; send files only"),
        (FORM, form([*FILES, *FILES]), 413, "Maximum number of files is 3"),
        ({"Content-Type": "multipart/form-data"}, form([]), 400, "Missing boundary"),
        ({"Content-Type": f"multipart/form-data; boundary={'x' * 999}"}, form([]), 400, "cannot be read"),
        (PNG, b"", 422, "the body is empty; send a picture"),
        ({"Content-Type": "application/json"}, b"{}", 415, "Content-Type is application/json; send multipart"),
        ({"Content-Type": ""}, b"x", 415, "Content-Type is not given"),
        ({}, b"x", 415, "Content-Type is not given"),
    ],
)
def test_bodies_that_are_refused(headers: dict[str, str], body: bytes, status: int, message: str) -> None:
    with pytest.raises(ProblemError) as refused:
        read(body, headers)
    assert refused.value.fault.status == status
    assert message in str(refused.value)
    assert "\t" not in str(refused.value)


@pytest.mark.parametrize("charset", ["utf-8", "punycode", "idna", "rot13", "none-such"])
def test_an_odd_charset_is_read_or_refused(charset: str) -> None:
    headers = {"Content-Type": f"{FORM['Content-Type']}; charset={charset}"}
    with suppress(ProblemError):
        assert len(read(form([("Gr\u00fc\u00dfe-\u202e.png", b"x")]), headers)) == 1


@pytest.mark.slow
@given(st.lists(st.tuples(st.integers(0, 400), st.integers(0, 255)), min_size=1, max_size=5))
def test_a_damaged_form_is_refused_or_read_and_never_more(flips: list[tuple[int, int]]) -> None:
    body = bytearray(form([("a.png", b"some bytes"), ("b.png", b"others")]))
    for index, value in flips:
        body[index % len(body)] = value
    with suppress(ProblemError):
        assert sum(len(upload.data) for upload in read(bytes(body))) < len(body)


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("../../etc/passwd", "../../etc/passwd"),
        ("a\x00\n\x1b[31m.png", "a\ufffd\ufffd\ufffd[31m.png"),
        ("Gr\u00fc\u00dfe \u202egnp.exe", "Gr\u00fc\u00dfe \ufffdgnp.exe"),
        ("x" * 1000, "x" * MAX_NAME),
        ("<img src=x>", "<img src=x>"),
    ],
)
def test_names_are_printable_and_short(name: str, shown: str) -> None:
    assert printable(name) == shown


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
    data = image_bytes("green", kind, 300, 200)
    np.testing.assert_array_equal(decode(data, 10**6, Square(16).read), Square(16).read(BytesIO(data)))


def test_orientation_is_applied() -> None:
    image = Image.fromarray(np.random.default_rng(0).integers(0, 255, (16, 16, 3)).astype(np.uint8))
    exif = Image.Exif()
    exif[0x0112] = 6
    out = BytesIO()
    image.transpose(Image.Transpose.ROTATE_90).save(out, "PNG", exif=exif)
    np.testing.assert_array_equal(decode(out.getvalue(), 10**6, Square(16).read), np.asarray(image))


@pytest.mark.parametrize(
    ("data", "status", "message"),
    [
        (b"", 422, "the file is empty"),
        (b"hello, world", 422, "not a picture in a format that is read (JPEG, PNG, WEBP, GIF, AVIF, BMP, TIFF)"),
        (b"<svg xmlns='http://www.w3.org/2000/svg'/>", 422, "not a picture"),
        (b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n", 422, "not a picture"),
        (image_bytes(kind="JPEG", width=200, height=200)[:400], 422, "the picture is damaged"),
        (image_bytes(width=200, height=200)[:-40], 422, "the picture is damaged"),
        (image_bytes(kind="PPM"), 422, "not a picture in a format"),
        (image_bytes(kind="JPEG2000"), 422, "not a picture in a format"),
        (png_bomb(5000, 5000), 413, "5000 x 5000 is over 20000000 pixels; send a smaller picture"),
        (png_bomb(2**31 - 1, 2**31 - 1), 413, "more than 20000000"),
    ],
    ids=lambda value: value[:12] if isinstance(value, bytes) else "",
)
def test_images_that_are_refused(data: bytes, status: int, message: str) -> None:
    tracemalloc.start()
    try:
        with pytest.raises(ProblemError) as refused:
            decode(data, 20_000_000, Square(16).read)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert refused.value.fault.status == status
    assert message in str(refused.value)
    assert "0x" not in str(refused.value)  # no address of an object
    assert peak < 2**22
