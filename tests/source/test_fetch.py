"""A dataset is copied as it is: every file, no code, no link."""

import os
from pathlib import Path

import pytest

from graft.errors import SourceError
from graft.source.fetch import fetch_dataset
from graft.source.settings import Source

OLD = 1_000_000_000


def source(path: Path | str) -> Source:
    """Settings that name a path."""
    return Source(uri=str(path), licence="CC0")


@pytest.fixture
def dataset(tmp_path: Path) -> Path:
    """A folder with pictures, a table, code and a hidden file."""
    root = tmp_path / "dataset"
    files = ("a.jpg", "cat/b.JPG", "cat/deep/c", "labels.csv", ".hidden", "load.py", "cat/__pycache__/load.cpython.pyc")
    for number, name in enumerate(files):
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(name.encode() * 3)
        os.utime(root / name, (OLD + number, OLD + number))
    (root / "empty").mkdir()
    return root


def test_every_file_but_code_is_copied(dataset: Path, tmp_path: Path) -> None:
    into = tmp_path / "into"
    assert fetch_dataset(source(dataset), into) == 5
    copied = {path.relative_to(into).as_posix(): path.read_bytes() for path in into.rglob("*") if path.is_file()}
    names = ["a.jpg", "cat/b.JPG", "cat/deep/c", "labels.csv", ".hidden"]
    assert copied == {name: name.encode() * 3 for name in names}


def test_modification_times_are_kept(dataset: Path, tmp_path: Path) -> None:
    fetch_dataset(source(dataset), tmp_path / "into")
    assert (tmp_path / "into" / "cat" / "deep" / "c").stat().st_mtime == OLD + 2


def test_a_package_is_a_source(dataset: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (dataset / "__init__.py").write_text("raise RuntimeError('imported')\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    assert fetch_dataset(source("package://dataset"), tmp_path / "into") == 5
    assert not (tmp_path / "into" / "__init__.py").exists()


@pytest.mark.parametrize("target", ["a.jpg", "nowhere"], ids=["to a file", "to nothing"])
def test_a_link_is_refused(dataset: Path, tmp_path: Path, target: str) -> None:
    (dataset / "cat" / "link.jpg").symlink_to(dataset / target)
    with pytest.raises(SourceError, match=r"^source\.uri: .*link\.jpg is a link; a dataset must hold its files itself"):
        fetch_dataset(source(dataset), tmp_path / "into")


def test_a_file_is_no_dataset(dataset: Path, tmp_path: Path) -> None:
    with pytest.raises(SourceError, match=r"^source\.uri: .*a\.jpg is not a folder$"):
        fetch_dataset(source(dataset / "a.jpg"), tmp_path / "into")


def test_a_folder_without_files_is_no_dataset(tmp_path: Path) -> None:
    (tmp_path / "only" / "folders").mkdir(parents=True)
    (tmp_path / "only" / "code.py").write_text("")
    with pytest.raises(SourceError, match=r"^source\.uri: no file below .*only$"):
        fetch_dataset(source(tmp_path / "only"), tmp_path / "into")


def test_an_absent_source_is_said(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="nothing lies at"):
        fetch_dataset(source(tmp_path / "none"), tmp_path / "into")


def test_a_link_to_a_folder_is_refused(dataset: Path, tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    (dataset / "link").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(SourceError, match="is a link"):
        fetch_dataset(source(dataset), tmp_path / "out")
