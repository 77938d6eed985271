"""A dataset is linked, copied or unpacked, and is what it was promised to be."""

import hashlib
import json
import os
from pathlib import Path

import pytest

from graft.core.errors import ParamsError, SourceError
from graft.data.raw import POINTER, fingerprint, raw_root
from graft.source.config import Limits, Source
from graft.source.dataset import Fetched, fetch_dataset, open_source
from tests.source.archives import below, make_tar, make_zip, special
from tests.source.site import Site

OLD = 1_000_000_000
CODE = ("load.py", "cat/__pycache__/load.cpython.pyc")
FILES = {name: name.encode() * 3 for name in ("a.jpg", "cat/b.JPG", "cat/deep/c", "labels.csv", ".hidden")}


def source(path: Path | str, **more: object) -> Source:
    """A section `source` that names a path."""
    return Source.model_validate({"uri": str(path), "licence": "CC0", **more})


def digest(file: Path) -> str:
    return hashlib.sha256(file.read_bytes()).hexdigest()


@pytest.fixture
def dataset(tmp_path: Path) -> Path:
    """A folder with images, a table, code and a hidden file."""
    root = tmp_path / "dataset"
    for number, name in enumerate((*FILES, *CODE)):
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(name.encode() * 3)
        os.utime(root / name, (OLD + number, OLD + number))
    (root / "empty").mkdir()
    return root


@pytest.fixture
def raw(tmp_path: Path) -> Path:
    """Where the dataset goes; something lies there from before."""
    (tmp_path / "data" / "raw" / "old").mkdir(parents=True)
    return tmp_path / "data" / "raw"


def refused(wanted: Source, raw: Path, said: str) -> None:
    """What is refused leaves what lay there, and nothing half done."""
    with pytest.raises(SourceError, match=said):
        fetch_dataset(wanted, raw, raw.parent.parent / "downloads")
    assert [path.name for path in raw.parent.iterdir()] == ["raw"]
    assert [path.name for path in raw.iterdir()] == ["old"]


def test_a_folder_is_linked_and_not_touched(dataset: Path, raw: Path) -> None:
    before = below(dataset)
    assert fetch_dataset(source(dataset), raw) == Fetched("linked", 7, fingerprint(dataset))
    assert below(raw).keys() == {POINTER}
    said = {"folder": str(dataset), "files": 7, "sha256": fingerprint(dataset)}
    assert json.loads((raw / POINTER).read_text()) == said
    assert raw_root(raw) == dataset
    assert below(dataset) == before


def test_a_folder_is_named_as_the_user_wrote_it(dataset: Path, raw: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(dataset.parent)
    monkeypatch.setenv("HOME", str(dataset.parent))
    for written in ("dataset", "./data/../dataset", "~/dataset"):
        fetch_dataset(source(written), raw)
        assert json.loads((raw / POINTER).read_text())["folder"] == written
        assert (raw_root(raw) / "a.jpg").is_file()


def test_a_folder_with_odd_entries_is_linked(dataset: Path, raw: Path) -> None:
    os.mkfifo(dataset / "fifo")
    (dataset / "nowhere").symlink_to("none")
    assert fetch_dataset(source(dataset), raw).files == 9


def test_a_folder_that_changed_is_refused_with_what_to_do(dataset: Path, raw: Path) -> None:
    was = fingerprint(dataset)
    assert fetch_dataset(source(dataset, sha256=was), raw).sha256 == was
    (dataset / "a.jpg").write_bytes(b"changed")
    (raw / POINTER).unlink()
    (raw / "old").mkdir()
    said = (
        f"the folder {dataset} has changed since source.sha256 was written: it was {was}, is {fingerprint(dataset)}; "
    )
    refused(source(dataset, sha256=was), raw, said + f"run `graft use {dataset}` to accept it")


@pytest.mark.parametrize("inside", ["data", "data/raw", "data/raw/old", "."])
def test_a_folder_and_its_link_may_not_lie_within_each_other(raw: Path, inside: str) -> None:
    (raw / "old" / "a.jpg").write_bytes(b"a")
    with pytest.raises(SourceError, match="lie one within the other; move the pictures elsewhere"):
        fetch_dataset(source(raw.parent.parent / inside), raw)
    assert (raw / "old" / "a.jpg").is_file()


def test_a_link_does_not_hide_that(raw: Path, tmp_path: Path) -> None:
    (tmp_path / "elsewhere").symlink_to(raw.parent)
    with pytest.raises(SourceError, match="lie one within the other"):
        fetch_dataset(source(tmp_path / "elsewhere"), raw)


def test_a_folder_has_no_size(dataset: Path, raw: Path) -> None:
    refused(source(dataset, bytes=3), raw, rf"source\.bytes: {dataset} is a folder; only an archive has a size")


def test_the_data_of_a_package_is_copied_but_not_its_code(
    dataset: Path, raw: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (dataset / "__init__.py").write_text("raise RuntimeError('imported')\n")
    monkeypatch.syspath_prepend(str(dataset.parent))
    fetched = fetch_dataset(source("package://dataset"), raw)
    assert below(raw) == FILES
    assert (raw / "cat" / "deep" / "c").stat().st_mtime == OLD + 2
    assert fetched == Fetched("copied", 5, fingerprint(raw))
    assert raw_root(raw) == raw
    assert fetch_dataset(source("package://dataset", sha256=fetched.sha256), raw) == fetched


def test_a_package_that_changed_is_refused(dataset: Path, raw: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (dataset / "__init__.py").touch()
    monkeypatch.syspath_prepend(str(dataset.parent))
    refused(source("package://dataset", sha256="0" * 64), raw, "the folder package://dataset has changed")


@pytest.mark.parametrize("target", ["a.jpg", "nowhere", "cat"], ids=["to a file", "to nothing", "to a folder"])
def test_a_link_in_a_package_is_refused(dataset: Path, raw: Path, monkeypatch: pytest.MonkeyPatch, target: str) -> None:
    (dataset / "__init__.py").touch()
    (dataset / "cat" / "link.jpg").symlink_to(dataset / target)
    monkeypatch.syspath_prepend(str(dataset.parent))
    refused(
        source("package://dataset"), raw, r"source\.uri: .*link\.jpg is a link; a package must hold its files itself"
    )


@pytest.mark.parametrize("kind", ["zip", "tar"])
def test_an_archive_is_unpacked(tmp_path: Path, raw: Path, kind: str) -> None:
    archive = tmp_path / "a"
    make_zip(archive, FILES) if kind == "zip" else make_tar(archive, FILES.items(), "w:gz")
    promised = source(archive, sha256=digest(archive), bytes=archive.stat().st_size)
    assert fetch_dataset(promised, raw) == Fetched("unpacked", 5, digest(archive))
    assert below(raw) == FILES


def test_an_archive_that_is_not_as_promised_is_refused(tmp_path: Path, raw: Path) -> None:
    archive = make_zip(tmp_path / "a.zip", FILES)
    size = archive.stat().st_size
    refused(source(archive, bytes=size + 1), raw, rf"a\.zip: has {size} bytes; source\.bytes says {size + 1}")
    refused(source(archive, sha256="0" * 64), raw, f"sha256 is {digest(archive)}; source.sha256 says 0000")


def test_limits_are_kept(tmp_path: Path, raw: Path) -> None:
    archive = make_zip(tmp_path / "a.zip", FILES)
    refused(source(archive, limits=Limits(files=4)), raw, r"source\.limits\.files allows 4")


def test_an_archive_that_is_refused_leaves_nothing(tmp_path: Path, raw: Path) -> None:
    archive = make_tar(tmp_path / "a.tar", [("1.jpg", b"1"), special("2.jpg", b"6")])
    refused(source(archive), raw, r"a\.tar: member '2\.jpg' is a special file")


@pytest.mark.parametrize("name", [POINTER, f"./{POINTER}"])
def test_an_archive_may_not_bring_a_pointer(tmp_path: Path, raw: Path, name: str) -> None:
    """It could lead graft to any folder of the machine."""
    pointer = {"folder": "/etc", "files": 1, "sha256": "0" * 64}
    archive = make_tar(tmp_path / "a.tar", [(name, json.dumps(pointer).encode())])
    refused(source(archive), raw, rf"source\.uri: {archive} has a file linked\.json at its top")


@pytest.mark.parametrize("code", [False, True])
def test_a_folder_without_files_is_no_dataset(
    tmp_path: Path, raw: Path, monkeypatch: pytest.MonkeyPatch, code: bool
) -> None:
    (tmp_path / "only" / "folders").mkdir(parents=True)
    if code:
        (tmp_path / "only" / "__init__.py").touch()
        monkeypatch.syspath_prepend(str(tmp_path))
    refused(source("package://only" if code else tmp_path / "only"), raw, r"^source\.uri: no file below .*only$")


def test_what_is_neither_folder_nor_file_is_refused(tmp_path: Path, raw: Path) -> None:
    os.mkfifo(tmp_path / "fifo")
    refused(source(tmp_path / "fifo"), raw, r"^source\.uri: .*fifo is neither a folder nor a file$")


def test_an_absent_source_is_said(tmp_path: Path, raw: Path) -> None:
    refused(source(tmp_path / "none"), raw, "nothing lies at")


def test_an_archive_from_afar_is_fetched_once(site: Site, tmp_path: Path, raw: Path) -> None:
    site.content = make_zip(tmp_path / "a.zip", FILES).read_bytes()
    promised = source(site.url, sha256=digest(tmp_path / "a.zip"), bytes=len(site.content))
    for _ in range(2):
        assert fetch_dataset(promised, raw, tmp_path / "downloads") == Fetched(
            "unpacked", 5, digest(tmp_path / "a.zip")
        )
        assert below(raw) == FILES
    assert len(site.asked) == 1


def test_an_archive_from_afar_need_not_be_promised(site: Site, tmp_path: Path, raw: Path) -> None:
    site.content = make_zip(tmp_path / "a.zip", FILES).read_bytes()
    assert fetch_dataset(source(site.url), raw, tmp_path / "downloads").sha256 == digest(tmp_path / "a.zip")


def test_an_archive_from_afar_that_is_not_as_promised_is_refused(site: Site, tmp_path: Path, raw: Path) -> None:
    site.content = make_zip(tmp_path / "a.zip", FILES).read_bytes()
    with pytest.raises(SourceError, match=rf"^{site.url}: its sha256 is [0-9a-f]+; expected was 000"):
        fetch_dataset(source(site.url, sha256="0" * 64), raw, tmp_path / "downloads")
    assert (raw / "old").is_dir()


def test_a_folder_is_looked_at_where_it_is(dataset: Path, tmp_path: Path) -> None:
    with open_source(str(dataset), tmp_path / "downloads") as opened:
        assert (opened.folder, opened.sha256, opened.bytes) == (dataset, fingerprint(dataset), None)
    assert not (tmp_path / "downloads").exists()


def test_what_is_seen_of_a_package_is_what_is_promised(
    dataset: Path, raw: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (dataset / "__init__.py").touch()
    monkeypatch.syspath_prepend(str(dataset.parent))
    with open_source("package://dataset") as opened:
        assert opened.sha256 == fetch_dataset(source("package://dataset", sha256=opened.sha256), raw).sha256


def test_an_archive_is_looked_at_in_a_folder_that_is_gone_afterwards(tmp_path: Path) -> None:
    archive = make_zip(tmp_path / "a.zip", FILES)
    with open_source(str(archive), tmp_path / "downloads") as opened:
        assert below(opened.folder) == FILES
        assert (opened.sha256, opened.bytes) == (digest(archive), archive.stat().st_size)
    assert [path.name for path in (tmp_path / "downloads").iterdir()] == [".look.lock"]


def test_what_was_looked_at_from_afar_is_kept(site: Site, tmp_path: Path, raw: Path) -> None:
    site.content = make_zip(tmp_path / "a.zip", FILES).read_bytes()
    with open_source(site.url, tmp_path / "downloads") as opened:
        assert below(opened.folder) == FILES
        promised = source(site.url, sha256=opened.sha256, bytes=opened.bytes)
    fetch_dataset(promised, raw, tmp_path / "downloads")
    assert len(site.asked) == 1


def test_what_cannot_be_looked_at_is_said(tmp_path: Path) -> None:
    (tmp_path / "a.zip").write_bytes(b"no archive")
    with pytest.raises(SourceError, match="reads zip and tar"), open_source(str(tmp_path / "a.zip"), tmp_path / "down"):
        pass
    assert [path.name for path in (tmp_path / "down").iterdir()] == [".look.lock"]
    with pytest.raises(ParamsError, match=r"source\.uri: string should have at least 1"), open_source("", tmp_path):
        pass
