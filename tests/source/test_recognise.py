"""An archive is known by its content."""

from pathlib import Path

import pytest

from graft.core.errors import SourceError
from graft.source.recognise import recognise
from tests.source.archives import make_tar, make_zip

FILES = {"a/1.jpg": b"one"}


def kind(path: Path) -> str:
    with path.open("rb") as file:
        found = recognise(path, file)
        assert file.tell() == 0
        return found


@pytest.mark.parametrize("mode", ["w", "w:gz", "w:bz2", "w:xz"])
def test_a_tar_under_any_name(tmp_path: Path, mode: str) -> None:
    assert kind(make_tar(tmp_path / "data.zip", FILES.items(), mode)) == "tar"


def test_a_zip_under_any_name(tmp_path: Path) -> None:
    assert kind(make_zip(tmp_path / "data.tar.gz", FILES)) == "zip"
    assert kind(make_zip(tmp_path / "empty", {})) == "zip"


def test_a_zip_at_the_end_of_a_tar_does_not_make_it_a_zip(tmp_path: Path) -> None:
    both = make_tar(tmp_path / "both.tar", FILES.items())
    both.write_bytes(both.read_bytes() + make_zip(tmp_path / "one.zip", FILES).read_bytes())
    assert kind(both) == "tar"


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "is empty$"),
        (b"PK\3\4 and no more", "begins as a zip archive but has no end: it was cut off"),
        (b"7z\xbc\xaf\x27\x1c\0", "is a 7z archive; unpack it yourself and name the folder in source.uri"),
        (b"Rar!\x1a\x07\0", "is a rar archive; unpack it yourself"),
        (b"\xff\xd8\xff\xe0", "is a single picture; name the folder"),
        (b"\x1f\x8b\x08 no gzip at all", "is compressed with gzip but holds no tar archive, or is damaged"),
        (b" \n<!DOCTYPE html><html>", "is a web page, not an archive"),
        (b"version https://git-lfs.github.com/spec/v1\n", "is a pointer of Git LFS; run `git lfs pull`"),
        (b"some text", "is no archive that graft reads; it reads zip and tar"),
    ],
    ids=["empty", "half a zip", "7z", "rar", "jpeg", "gzip", "html", "lfs", "text"],
)
def test_anything_else_is_told_what_to_do(tmp_path: Path, content: bytes, said: str) -> None:
    file = tmp_path / "data.zip"
    file.write_bytes(content)
    with pytest.raises(SourceError, match=rf"data\.zip: {said}"):
        kind(file)
