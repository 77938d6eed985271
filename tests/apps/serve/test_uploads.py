"""Forms are parsed as they come, whatever the cuts, and nothing in a name does harm."""

from contextlib import suppress
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st
from python_multipart.exceptions import FormParserError

from graft.apps.serve.problems import ProblemError
from graft.apps.serve.uploads import NAME, Form, clean
from tests.apps.serve.made import BOUNDARY, form

FILES = [("a.png", b"\x00\r\n--\xff" * 50), ("b.jpg", b""), ("c.gif", b"--" + BOUNDARY.encode())]


@given(st.lists(st.integers(0, 600), max_size=8))
def test_cuts_do_not_matter(cuts: list[int]) -> None:
    body, read = form(FILES), Form(BOUNDARY.encode(), 3)
    places = [0, *sorted(min(cut, len(body)) for cut in cuts), len(body)]
    for start, stop in pairwise(places):
        read.write(body[start:stop])
    assert read.ended
    assert [(upload.name, bytes(upload.data)) for upload in read.uploads] == FILES


def test_one_file_too_many_is_refused() -> None:
    with pytest.raises(ProblemError, match="at most 2 pictures a request") as refused:
        Form(BOUNDARY.encode(), 2).write(form(FILES))
    assert refused.value.status == 413


def test_what_follows_the_end_means_nothing() -> None:
    read = Form(BOUNDARY.encode(), 3)
    read.write(form(FILES))
    read.write(b"epilogue" + form(FILES))
    assert len(read.uploads) == 3


def test_a_field_is_no_file() -> None:
    body = f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="x\ty"\r\n\r\n1\r\n--{BOUNDARY}--\r\n'.encode()
    with pytest.raises(ProblemError, match="is no file; send files only") as refused:
        Form(BOUNDARY.encode(), 3).write(body)
    assert refused.value.status == 422
    assert "\t" not in str(refused.value)


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        (b"../../etc/passwd", "../../etc/passwd"),
        (b"a\x00\n\x1b[31m.png", "a\ufffd\ufffd\ufffd[31m.png"),
        ("Grüße \u202egnp.exe".encode(), "Grüße \ufffdgnp.exe"),
        (b"\xff.png", "\ufffd.png"),
        (b"x" * 1000, "x" * NAME),
        (b"<img src=x>", "<img src=x>"),
    ],
)
def test_names_are_printable_and_short(name: bytes, shown: str) -> None:
    assert clean(name) == shown


@given(st.lists(st.tuples(st.integers(0, 400), st.integers(0, 255)), min_size=1, max_size=5))
def test_damage_is_refused_or_read_and_never_more(flips: list[tuple[int, int]]) -> None:
    body = bytearray(form([("a.png", b"some bytes"), ("b.png", b"others")]))
    for place, value in flips:
        body[place % len(body)] = value
    read = Form(BOUNDARY.encode(), 2)
    with suppress(ProblemError, FormParserError):
        read.write(bytes(body))
    assert sum(len(upload.data) for upload in read.uploads) < len(body)
