"""``data/raw`` holds the pictures, or says where they are."""

import json
from pathlib import Path

import pytest

from graft.core.errors import SourceError
from graft.data.raw import POINTER, Linked, linked, raw_root, write_link


def test_without_a_pointer_the_images_are_here(tmp_path: Path) -> None:
    assert raw_root(tmp_path) == tmp_path
    assert linked(tmp_path) is None


def test_a_pointer_leads_to_the_folder(tmp_path: Path) -> None:
    raw, images = tmp_path / "raw", tmp_path / "images"
    raw.mkdir()
    images.mkdir()
    link = Linked(str(images), 3, "0" * 64)
    write_link(raw, link)
    assert [file.name for file in raw.iterdir()] == [POINTER]
    assert json.loads((raw / POINTER).read_text()) == {"folder": str(images), "files": 3, "sha256": "0" * 64}
    assert linked(raw) == link
    assert raw_root(raw) == images


def test_a_folder_is_found_as_the_user_wrote_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / "ä pictures").mkdir()
    for written, meant in (("ä pictures", Path("ä pictures")), ("~/ä pictures", tmp_path / "ä pictures")):
        write_link(tmp_path, Linked(written, 1, "0" * 64))
        assert raw_root(tmp_path) == meant


def test_a_folder_that_is_gone_is_named_with_what_to_do(tmp_path: Path) -> None:
    write_link(tmp_path, Linked("/mnt/gone", 3, "0" * 64))
    with pytest.raises(SourceError, match=r"their folder /mnt/gone is gone: bring it back .*source\.uri"):
        raw_root(tmp_path)


@pytest.mark.parametrize(
    "text", ["", "[]", "{}", '{"folder": 3, "files": 1, "sha256": ""}', '{"folder": "/", "files": 1}', "\xff"]
)
def test_a_strange_pointer_is_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / POINTER).write_text(text, encoding="latin-1")
    with pytest.raises(SourceError, match=r"names no folder as graft writes it; run `dvc repro --force"):
        raw_root(tmp_path)
