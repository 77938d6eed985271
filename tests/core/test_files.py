"""Outputs appear whole or not at all."""

import json
from pathlib import Path
from typing import Any

import pytest

from graft.core.files import new_file, new_folder, write_json, write_text


def test_a_folder_appears_only_when_complete(tmp_path: Path) -> None:
    target = tmp_path / "deep" / "out"
    with new_folder(target) as partial:
        (partial / "one").write_text("1")
        assert not target.exists()
        assert partial.parent == target.parent
    assert [file.name for file in target.iterdir()] == ["one"]
    assert list(target.parent.iterdir()) == [target]


def test_a_new_folder_replaces_the_old_one_whole(tmp_path: Path) -> None:
    target = tmp_path / "out"
    target.mkdir()
    (target / "old").write_text("old")
    with new_folder(target) as partial:
        assert (target / "old").read_text() == "old"
        (partial / "new").write_text("new")
    assert [file.name for file in target.iterdir()] == ["new"]


@pytest.mark.parametrize("error", [RuntimeError, KeyboardInterrupt])
def test_an_unfinished_folder_leaves_the_old_one(tmp_path: Path, error: type[BaseException]) -> None:
    target = tmp_path / "out"
    target.mkdir()
    (target / "old").write_text("old")
    with pytest.raises(error), new_folder(target) as partial:  # noqa: PT012 - the write must lie inside
        (partial / "half").write_text("half")
        raise error
    assert [file.name for file in target.iterdir()] == ["old"]
    assert list(tmp_path.iterdir()) == [target]


@pytest.mark.parametrize("left", ["folder", "file"])
def test_what_a_killed_run_left_is_not_taken_over(tmp_path: Path, left: str) -> None:
    remains = tmp_path / ".out.partial"
    if left == "folder":
        remains.mkdir()
        (remains / "half").write_text("half")
    else:
        remains.write_text("half")
    with new_folder(tmp_path / "out") as partial:
        assert partial == remains
        assert list(partial.iterdir()) == []
    assert not remains.exists()


@pytest.mark.parametrize("error", [RuntimeError, KeyboardInterrupt])
def test_an_unfinished_file_leaves_the_old_one(tmp_path: Path, error: type[BaseException]) -> None:
    target = tmp_path / "out.txt"
    target.write_text("old")
    with pytest.raises(error), new_file(target) as partial:  # noqa: PT012 - the write must lie inside
        partial.write_text("half")
        raise error
    assert target.read_text() == "old"
    assert list(tmp_path.iterdir()) == [target]


def test_a_file_that_cannot_take_its_place_leaves_nothing_behind(tmp_path: Path) -> None:
    target = tmp_path / "out"
    target.mkdir()
    with pytest.raises(IsADirectoryError):
        write_text(target, "text")
    assert list(tmp_path.iterdir()) == [target]


def test_a_file_appears_only_when_complete(tmp_path: Path) -> None:
    target = tmp_path / "deep" / "out.txt"
    with new_file(target) as partial:
        partial.write_text("whole")
        assert not target.exists()
    assert target.read_text() == "whole"
    assert list(target.parent.iterdir()) == [target]


def test_text_is_utf8_with_line_feeds(tmp_path: Path) -> None:
    write_text(tmp_path / "out.txt", "ä\n€\n")
    assert (tmp_path / "out.txt").read_bytes() == b"\xc3\xa4\n\xe2\x82\xac\n"


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (1 / 3, "0.333333333"),
        (2 / 3, "0.666666667"),
        (123456789.4, "123456789.0"),
        (1.23456789012e-7, "1.23456789e-07"),
        (0.1 + 0.2, "0.3"),
        (True, "true"),
        (None, "null"),
        (12345678901234, "12345678901234"),
        ("ä", '"ä"'),
        ((0.1 + 0.2, [1 / 3]), "[\n  0.3,\n  [\n    0.333333333\n  ]\n]"),
        ({"b": {"x": 0.1 + 0.2}, "a": 1}, '{\n  "b": {\n    "x": 0.3\n  },\n  "a": 1\n}'),
    ],
    ids=repr,
)
def test_json_is_formatted_the_same_everywhere(tmp_path: Path, value: Any, text: str) -> None:
    write_json(tmp_path / "out.json", value)
    assert (tmp_path / "out.json").read_text(encoding="utf-8") == text + "\n"


@pytest.mark.parametrize("value", [float("nan"), float("inf"), {"deep": [float("-inf")]}], ids=repr)
def test_json_refuses_what_it_cannot_say(tmp_path: Path, value: Any) -> None:
    file = tmp_path / "out.json"
    write_json(file, {"old": 1})
    with pytest.raises(ValueError, match="not JSON compliant"):
        write_json(file, value)
    assert json.loads(file.read_text()) == {"old": 1}
