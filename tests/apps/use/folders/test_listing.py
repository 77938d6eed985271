"""Every file below a folder is in one list, and what should be a picture and is none that is read is named."""

import zipfile
from pathlib import Path

import pytest

from graft.apps.use.folders.listing import list_files
from graft.core.errors import DataError
from tests.apps.use.trees import JPEG, plant


def test_each_file_is_in_one_list(tmp_path: Path) -> None:
    plant(tmp_path, "a/1.jpg", "a/2", "a/3.jpg_large", "notes.txt", "@eaDir/1.jpg/S.jpg", ".hidden.jpg")
    (tmp_path / "phone.heic").write_bytes(b"\0\0\0\x18ftypheic\0\0\0\0")
    (tmp_path / "page.jpg").write_text("<!DOCTYPE html>")
    (tmp_path / "empty.png").touch()
    (tmp_path / "grey.pgm").write_text("P5 1 1 255 x")
    (tmp_path / "out").symlink_to(tmp_path.parent)
    found = list_files(tmp_path)
    assert found.images == ["a/1.jpg", "a/2", "a/3.jpg_large", "grey.pgm"]
    assert (found.nameless, found.links, found.others) == (["a/2", "a/3.jpg_large"], ["out"], ["notes.txt"])
    assert found.hidden == [".hidden.jpg", "@eaDir/1.jpg/S.jpg"]
    assert found.unread == {
        "empty.png": "empty, or cannot be opened",
        "page.jpg": "no picture inside, whatever the name says",
        "phone.heic": "HEIC is not read; save them as JPEG or PNG",
    }
    assert "'a/2', 'a/3.jpg_large': pictures by their content, not by their names" in list(found.lines())


def test_an_archive_within_is_named_with_what_it_holds(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "train.zip", "w") as archive:
        for number in range(3):
            archive.writestr(f"train/cat.{number}.jpg", JPEG)
    (tmp_path / "broken.zip").write_bytes(b"no archive")
    with pytest.raises(DataError, match=r"archives within: train.zip \(3 pictures\). Unpack, and name one of these"):
        list_files(tmp_path)
