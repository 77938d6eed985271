"""Images are known by name, else by what they begin with."""

import os
from collections.abc import Callable
from io import BytesIO
from pathlib import Path

import pytest
from PIL import Image

from graft.images.formats import FORMATS, IMAGE_SUFFIXES, OTHER_SUFFIXES, SUFFIXES, format_of, is_image

Draw = Callable[[int, int, int], Image.Image]


def test_suffixes_are_those_of_what_is_read() -> None:
    # JPEG2000's MPEG and PostScript wrappers hold no still picture; an SVG-like .mpo is a JPEG by another name
    known = {suffix for suffix, format in Image.registered_extensions().items() if format in FORMATS}
    assert known == SUFFIXES


@pytest.mark.parametrize("format", ["JPEG", "PNG", "GIF", "TIFF", "WEBP", "AVIF", "JPEG2000", "BMP", "QOI"])
def test_what_is_written_is_known_by_its_begin(draw: Draw, format: str) -> None:
    file = BytesIO()
    draw(0, 16, 12).save(file, format)
    assert format_of(file.getvalue()[:16]) == format


@pytest.mark.parametrize(
    ("begin", "format"),
    [
        (b"\0\0\0\x18ftypheic\0\0\0\0", "HEIC"),
        (b"\0\0\0\x0cJXL \r\n\x87\n", "JPEG XL"),
        (b"BMW and other cars", ""),
        (b"P3 is a peptide", ""),
        (b"<html>", ""),
        (b"", ""),
    ],
)
def test_other_begins(begin: bytes, format: str) -> None:
    assert format_of(begin) == format


def test_a_name_says_it_or_else_the_content(tmp_path: Path, draw: Draw) -> None:
    draw(0, 8, 8).save(tmp_path / "a.png")
    picture = (tmp_path / "a.png").read_bytes()
    for name in ("none", "b.jpg_large", "c.jpg?w=640", "notes.txt"):
        (tmp_path / name).write_bytes(picture)
    (tmp_path / "text").write_text("words")
    (tmp_path / "damaged.HEIC").touch()
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "nowhere").symlink_to("gone")
    found = {path.name for path in tmp_path.iterdir() if is_image(path)}
    assert found == {"a.png", "none", "b.jpg_large", "c.jpg?w=640", "damaged.HEIC"}


def test_no_name_promises_both() -> None:
    assert not OTHER_SUFFIXES & IMAGE_SUFFIXES
