"""One digest for a folder changes with any file; a pointer leads to a linked folder."""

import hashlib
import json
import os
import socket
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from graft.core import parallel
from graft.core.errors import SourceError
from graft.data.raw import POINTER, Linked, content, entry, fingerprint, linked, names, raw_root, write_link

FILES = {"x.jpg": b"a", "x/b.jpg": b"b", "x/c/d": b"", ".hidden": b"h", "ä.png": b"\xff"}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A few files, one of them beside a folder of almost the same name."""
    root = tmp_path / "folder"
    for name, data in FILES.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(data)
    return root


def test_it_is_the_digest_of_sorted_paths_and_digests(folder: Path) -> None:
    whole = b""
    for name, data in sorted(FILES.items()):
        whole += name.encode() + b"\0" + hashlib.sha256(data).hexdigest().encode() + b"\n"
    assert fingerprint(folder) == hashlib.sha256(whole).hexdigest()


@pytest.mark.parametrize("change", ["add", "remove", "rename", "edit", "swap"])
def test_any_change_changes_it(folder: Path, change: str) -> None:
    before = fingerprint(folder)
    if change == "add":
        (folder / "new").write_bytes(b"")
    elif change == "remove":
        (folder / "x.jpg").unlink()
    elif change == "rename":
        (folder / "x.jpg").rename(folder / "y.jpg")
    elif change == "edit":
        (folder / "x.jpg").write_bytes(b"b")
    else:
        (folder / "x.jpg").write_bytes(b"b")
        (folder / "x" / "b.jpg").write_bytes(b"a")
    assert fingerprint(folder) != before


def test_times_permissions_empty_folders_and_the_place_do_not_count(folder: Path) -> None:
    before = fingerprint(folder)
    os.utime(folder / "x.jpg", (1, 1))
    (folder / "x.jpg").chmod(0o600)
    (folder / "empty").mkdir()
    assert fingerprint(folder) == before
    assert fingerprint(folder.rename(folder.with_name("moved"))) == before


def test_threads_do_not_count(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = fingerprint(folder)
    monkeypatch.setattr(parallel, "cores", lambda: 7)
    assert fingerprint(folder) == before


def test_what_is_no_regular_file_counts_as_its_kind(folder: Path, tmp_path: Path) -> None:
    odd = tmp_path / "odd"
    odd.mkdir()
    (odd / "1 nowhere").symlink_to("nowhere")
    (odd / "2 loop").symlink_to("2 loop")
    (odd / "3 folder").symlink_to(folder)
    os.mkfifo(odd / "4 fifo")
    (odd / "5 link to a fifo").symlink_to("4 fifo")
    (odd / "6 null").symlink_to("/dev/null")
    (odd / "7 file").symlink_to(folder / "x.jpg")
    with socket.socket(socket.AF_UNIX) as listener:
        here = Path.cwd()
        os.chdir(odd)  # the name of a socket must be short
        try:
            listener.bind("8 socket")
        finally:
            os.chdir(here)
        found = [content(odd / name) for name in names(odd)]
    kinds = ["broken link", "broken link", "link to a folder", "fifo", "fifo", "device"]
    assert found == [*kinds, hashlib.sha256(b"a").hexdigest(), "socket"]


def test_a_file_that_cannot_be_read_does_not_stop_it(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "open", refuse)
    assert content(folder / "x.jpg") == "unreadable"


def test_a_file_that_vanishes_does_not_stop_it(folder: Path) -> None:
    assert content(folder / "gone") == "unreadable"


def test_a_folder_that_cannot_be_listed_is_named(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="gone: the folder cannot be read: No such file or directory"):
        fingerprint(tmp_path / "gone")


def test_names_need_not_be_utf8(tmp_path: Path) -> None:
    try:
        Path(os.fsdecode(os.fsencode(tmp_path) + b"/\xff\xfe.jpg")).write_bytes(b"x")
    except OSError:
        pytest.skip("this file system wants UTF-8")
    row = b"\xff\xfe.jpg\0" + hashlib.sha256(b"x").hexdigest().encode() + b"\n"
    assert fingerprint(tmp_path) == hashlib.sha256(row).hexdigest()


PAIRS = st.dictionaries(
    st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), min_size=1),
    st.sampled_from(["fifo", "unreadable", "0" * 64, "f" * 64]),
)


@given(PAIRS, PAIRS)
def test_two_folders_share_it_only_if_they_are_equal(one: dict[str, str], other: dict[str, str]) -> None:
    left, right = (b"".join(entry(*pair) for pair in sorted(files.items())) for files in (one, other))
    assert (left == right) == (one == other)


@pytest.mark.parametrize(
    "name",
    [
        *(".DS_Store", "cat/Thumbs.db", "desktop.ini", "__MACOSX/cat/1.jpg", "cat/._1.jpg", "cat/@eaDir/1.jpg/S.jpg"),
        *(
            "#recycle/1.jpg",
            "$RECYCLE.BIN/1.jpg",
            "lost+found/1",
            "cat/.ipynb_checkpoints/1.jpg",
            "cat/Thumbnails/1.jpg",
        ),
    ],
)
def test_what_systems_leave_does_not_count(tmp_path: Path, name: str) -> None:
    (tmp_path / "cat").mkdir()
    (tmp_path / "cat" / "1.jpg").write_bytes(b"1")
    before = fingerprint(tmp_path)
    (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
    (tmp_path / name).write_bytes(b"litter")
    assert fingerprint(tmp_path) == before
    assert name in names(tmp_path)  # the index still says what became of it
    (tmp_path / ".labels.csv").write_bytes(b"hidden, but a person may have put it there")
    assert fingerprint(tmp_path) != before


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


def test_links_to_folders_within_are_followed_once_and_never_in_a_circle(tmp_path: Path) -> None:
    root = tmp_path / "root"
    (root / "all" / "cat").mkdir(parents=True)
    (root / "all" / "cat" / "1.jpg").write_bytes(b"1")
    (root / "all" / "up").symlink_to("..")
    (root / "all" / "self").symlink_to(".")
    (root / "all" / "cat" / "beside").symlink_to("../dog")
    (root / "all" / "dog").mkdir()
    (root / "all" / "dog" / "back").symlink_to("../cat")
    (root / "chosen").mkdir()
    (root / "chosen" / "cat").symlink_to("../all/cat")
    (root / "chosen" / "elsewhere").symlink_to(tmp_path)
    assert names(root) == [
        *("all/cat/1.jpg", "all/cat/beside/back", "all/dog/back/1.jpg", "all/dog/back/beside", "all/self", "all/up"),
        *("chosen/cat/1.jpg", "chosen/cat/beside", "chosen/elsewhere"),
    ]
    before = fingerprint(root)
    assert fingerprint(root) == before
    (root / "all" / "cat" / "1.jpg").write_bytes(b"2")
    assert fingerprint(root) != before
