"""A member's path stays below the folder it is unpacked to."""

import os

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from graft.source.paths import DEPTH, clean, follow
from graft.source.refusal import UnsafeError


@pytest.mark.parametrize(
    ("name", "path"),
    [
        ("a.jpg", "a.jpg"),
        ("./a//b/./c.jpg", "a/b/c.jpg"),
        ("a/", "a"),
        ("./", ""),
        ("", ""),
        ("..a/b..", "..a/b.."),
        ("ä b/c:d", "ä b/c:d"),
        ("a/" * (DEPTH - 1) + "b", "a/" * (DEPTH - 1) + "b"),
    ],
)
def test_a_plain_name_is_kept(name: str, path: str) -> None:
    assert clean(name) == path


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("../a", "climbs with '..'"),
        ("a/../b", "climbs with '..'"),
        ("a/..", "climbs with '..'"),
        ("/a", "is an absolute path"),
        ("//a/b", "is an absolute path"),
        ("C:/a", "is an absolute path"),
        ("c:a", "is an absolute path"),
        ("..\\a", "has a backslash"),
        ("C:\\a", "has a backslash"),
        ("a\0b", "has a NUL byte"),
        ("a\udcff", "not UTF-8"),
        ("a/" * DEPTH + "b", f"lies {DEPTH} folders deep"),
    ],
)
def test_what_is_not_safe_is_refused(name: str, said: str) -> None:
    with pytest.raises(UnsafeError, match=said):
        clean(name)


@pytest.mark.parametrize(
    ("link", "target", "path"),
    [("a", "b", "b"), ("x/a", "b", "x/b"), ("x/a", "../b", "b"), ("x/y/a", "./../z//b", "x/z/b"), ("x/a", "..", "")],
)
def test_a_link_is_followed_from_its_folder(link: str, target: str, path: str) -> None:
    assert follow(link, target) == path


@pytest.mark.parametrize(
    ("link", "target"),
    [("a", "../b"), ("x/a", "../../b"), ("x/a", "../y/../../x/a"), ("a", "/etc/passwd"), ("a", "C:/b")],
)
def test_a_link_that_leads_out_is_refused(link: str, target: str) -> None:
    with pytest.raises(UnsafeError, match="leads out of the archive"):
        follow(link, target)


NASTY = st.lists(st.sampled_from(["..", ".", "", "/", "a", "\\", "C:", "\0", "\udcff", "ä"])).map("/".join) | st.text()


@given(NASTY)
def test_no_name_leads_out(name: str) -> None:
    try:
        path = clean(name)
    except UnsafeError:
        return
    inside = os.path.normpath(os.path.join("/into", path))  # noqa: PTH118 - as text, nothing is on disk
    assert inside == "/into" or inside.startswith("/into/")


@given(NASTY, NASTY)
@example("", "./C:")
@example("./C:", "x")
def test_no_link_leads_out(link: str, target: str) -> None:
    try:
        path = follow(clean(link), target)
    except UnsafeError:
        return
    assert path == clean(path)
