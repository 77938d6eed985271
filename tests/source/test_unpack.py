"""An archive is unpacked safely and whole, or not at all."""

import gzip
import io
import os
import shutil
import struct
import tarfile
import tempfile
import zipfile
import zlib
from pathlib import Path
from stat import S_IFBLK, S_IFIFO, S_IFLNK, S_IFREG

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from graft.core.errors import SourceError
from graft.core.files import new_folder
from graft.source import members
from graft.source import unpack as module
from graft.source.config import Limits
from graft.source.unpack import unpack
from tests.source.archives import below, make_tar, make_zip, make_zip_of_modes, special

FILES = {"cat/1.jpg": b"one", "cat/deep/ä 2.jpg": b"", "dog/3": bytes(range(256)) * 99, ".hidden": b"h"}


PLAIN = Limits()


def unpacked(archive: Path, limits: Limits = PLAIN) -> dict[str, bytes]:
    """Unpack as `download` does."""
    into = archive.parent / "out" / "into"
    with new_folder(into) as folder:
        count = unpack(archive, folder, limits)
    files = below(into)
    assert not any(path.is_symlink() for path in into.rglob("*"))
    assert count == len(files)
    return files


def refused(archive: Path, said: str, limits: Limits = PLAIN) -> None:
    """Unpack what is refused; nothing of it remains."""
    before = sorted(archive.parent.iterdir())
    with pytest.raises(SourceError, match=rf"^{archive}: .*{said}"):
        unpacked(archive, limits)
    after = sorted(archive.parent.iterdir())
    assert [path for path in after if path.name != "out"] == [path for path in before if path.name != "out"]
    assert not list((archive.parent / "out").glob(".*"))


def damage(archive: Path, old: bytes, new: bytes) -> Path:
    """Change some bytes where they stand first."""
    content = archive.read_bytes()
    assert old in content
    archive.write_bytes(content.replace(old, new, 1))
    return archive


@pytest.mark.parametrize("mode", ["w", "w:gz", "w:bz2", "w:xz"])
def test_a_tar_is_unpacked(tmp_path: Path, mode: str) -> None:
    assert unpacked(make_tar(tmp_path / "a", FILES.items(), mode)) == FILES


@pytest.mark.parametrize("method", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED])
def test_a_zip_is_unpacked(tmp_path: Path, method: int) -> None:
    assert unpacked(make_zip(tmp_path / "a", FILES, method)) == FILES


def test_folders_and_dots_in_names_are_no_matter(tmp_path: Path) -> None:
    top = [special("./", tarfile.DIRTYPE), special("./cat", tarfile.DIRTYPE), special("cat/", tarfile.DIRTYPE)]
    assert unpacked(make_tar(tmp_path / "a.tar", [*top, ("./cat//1.jpg", b"1")])) == {"cat/1.jpg": b"1"}
    assert unpacked(make_zip(tmp_path / "a.zip", {"cat/": b"", "cat/1.jpg": b"1"})) == {"cat/1.jpg": b"1"}


def test_permissions_are_plain(tmp_path: Path) -> None:
    before = os.umask(0o022)
    try:
        unpacked(make_tar(tmp_path / "a", [("cat/1", b"1")]))
    finally:
        os.umask(before)
    folder = tmp_path / "out" / "into" / "cat"
    assert (folder.stat().st_mode & 0o7777, (folder / "1").stat().st_mode & 0o7777) == (0o755, 0o644)


@pytest.mark.parametrize("links", [tarfile.SYMTYPE, tarfile.LNKTYPE], ids=["symbolic", "hard"])
def test_a_link_in_a_tar_becomes_a_copy(tmp_path: Path, links: bytes) -> None:
    target = "../dog/1" if links == tarfile.SYMTYPE else "dog/1"
    later = special("cat/first", links, target)
    archive = make_tar(tmp_path / "a", [later, ("dog/1", b"1"), special("cat/2", tarfile.SYMTYPE, "first")])
    assert unpacked(archive) == {"cat/first": b"1", "dog/1": b"1", "cat/2": b"1"}


def test_a_link_in_a_zip_becomes_a_copy(tmp_path: Path) -> None:
    archive = make_zip_of_modes(tmp_path / "a", [("cat/l", S_IFLNK, b"../dog/1"), ("dog/1", S_IFREG, b"1")])
    assert unpacked(archive) == {"cat/l": b"1", "dog/1": b"1"}


def test_backslashes_in_a_zip_are_folders(tmp_path: Path) -> None:
    assert unpacked(make_zip(tmp_path / "a", {"cat\\1.jpg": b"1", "dog\\": b""})) == {"cat/1.jpg": b"1"}


def test_an_unmarked_name_in_a_zip_is_utf8_where_it_can_be(tmp_path: Path) -> None:
    archive = make_zip(tmp_path / "a", {"XX.jpg": b"1", "Y.jpg": b"2"})
    content = archive.read_bytes().replace(b"XX.jpg", "ä.jpg".encode()).replace(b"Y.jpg", b"\x81.jpg")
    archive.write_bytes(content)
    assert unpacked(archive) == {"ä.jpg": b"1", "ü.jpg": b"2"}


REFUSED_TARS = {
    "climbing": ([("../evil", b"")], "'../evil' climbs with '..'"),
    "climbing later": ([("a/../../evil", b"")], "climbs with '..'"),
    "absolute": ([("/tmp/evil", b"")], "'/tmp/evil' is an absolute path"),
    "drive": ([("C:/evil", b"")], "is an absolute path"),
    "backslash": ([("..\\evil", b"")], "has a backslash in its name"),
    "climbing folder": ([special("../evil", tarfile.DIRTYPE)], "climbs with '..'"),
    "not utf-8": ([("\udcff.jpg", b"")], "has a name that is not UTF-8"),
    "link out": (
        [special("l", tarfile.SYMTYPE, "../evil")],
        "'l' is a link that leads out of the archive, to '../evil'",
    ),
    "link to a path": ([special("l", tarfile.SYMTYPE, "/etc/passwd")], "is a link that leads out of the archive"),
    "hard link out": ([special("l", tarfile.LNKTYPE, "../../evil")], "is a link that leads out of the archive"),
    "hard link to a path": ([special("l", tarfile.LNKTYPE, "/etc/passwd")], "is a link that leads out of the archive"),
    "link to a folder": ([("d/1", b""), special("l", tarfile.SYMTYPE, "d")], "'l' is a link to the folder 'd'"),
    "link to the top": ([("1", b""), special("l", tarfile.SYMTYPE, ".")], r"'l' is a link to the folder '\.'"),
    "write through a link": ([special("l", tarfile.SYMTYPE, "/tmp"), ("l/evil", b"")], "leads out of the archive"),
    "below a link": (
        [("1", b""), special("l", tarfile.SYMTYPE, "1"), ("l/2", b"")],
        "'l' is a file where another member needs a folder",
    ),
    "link to nothing": ([special("l", tarfile.SYMTYPE, "none")], "is a link to 'none', which is not in the archive"),
    "link to itself": ([special("l", tarfile.SYMTYPE, "l")], "is a link that leads back to itself"),
    "two links": (
        [special("a", tarfile.SYMTYPE, "b"), special("b", tarfile.SYMTYPE, "a")],
        "'a' is a link that leads back to itself",
    ),
    "fifo": ([special("f", tarfile.FIFOTYPE)], "'f' is neither a file, a folder nor a link"),
    "device": ([special("f", tarfile.CHRTYPE)], "is neither a file, a folder nor a link"),
    "block device": ([special("f", tarfile.BLKTYPE)], "is neither a file, a folder nor a link"),
    "unknown kind": ([special("f", b"V")], "is neither a file, a folder nor a link"),
    "twice": ([("1", b"a"), ("./1", b"b")], r"'\./1' stands twice in the archive"),
    "a file and a link": ([("1", b"a"), ("2", b""), special("1", tarfile.SYMTYPE, "2")], "'1' stands twice"),
    "a link and a file": ([special("1", tarfile.SYMTYPE, "2"), ("2", b""), ("1", b"a")], "'1' stands twice"),
    "a folder in a file": ([("1", b""), ("1/2", b"")], "'1/2' needs a folder where another member is a file"),
    "a folder over a file": ([("1", b""), special("1", tarfile.DIRTYPE)], "needs a folder where another"),
    "a file over a folder": ([("1/2", b""), ("1", b"")], "'1' is a file where another member needs a folder"),
    "a nameless file": ([("./", b"x")], "has no name of its own"),
    "a name too long": ([("a" * 300, b"")], "cannot be written: File name too long"),
    "deep": ([("a/" * 64 + "b", b"")], "lies 64 folders deep; 63 are allowed"),
    "only folders": ([special("d", tarfile.DIRTYPE)], "holds no file"),
    "empty": ([], "holds no file"),
}


@pytest.mark.parametrize(("content", "said"), REFUSED_TARS.values(), ids=REFUSED_TARS)
def test_a_tar_is_refused(tmp_path: Path, content: list[tarfile.TarInfo | tuple[str, bytes]], said: str) -> None:
    refused(make_tar(tmp_path / "a.tar", content), said)


REFUSED_ZIPS = {
    "climbing": ([("../evil", S_IFREG, b"")], "climbs with '..'"),
    "climbing with a backslash": ([("..\\evil", S_IFREG, b"")], "climbs with '..'"),
    "absolute": ([("/tmp/evil", S_IFREG, b"")], "is an absolute path"),
    "drive": ([("C:\\evil", S_IFREG, b"")], "is an absolute path"),
    "link out": ([("l", S_IFLNK, b"../evil")], "leads out of the archive"),
    "link that is no text": ([("l", S_IFLNK, b"\xff")], "has a name that is not UTF-8"),
    "fifo": ([("f", S_IFIFO, b"")], "is neither a file, a folder nor a link"),
    "device": ([("f", S_IFBLK, b"")], "is neither a file, a folder nor a link"),
    "empty": ([], "holds no file"),
}


@pytest.mark.parametrize(("content", "said"), REFUSED_ZIPS.values(), ids=REFUSED_ZIPS)
def test_a_zip_is_refused(tmp_path: Path, content: list[tuple[str, int, bytes]], said: str) -> None:
    refused(make_zip_of_modes(tmp_path / "a.zip", content), said)


def test_a_member_that_stands_twice_in_a_zip_is_refused(tmp_path: Path) -> None:
    with pytest.warns(UserWarning, match="Duplicate name"):
        archive = make_zip(tmp_path / "a", [("1", b"a"), ("1", b"b")])
    refused(archive, "member '1' stands twice in the archive")


def test_a_nul_in_the_name_of_a_zip_member_is_refused(tmp_path: Path) -> None:
    archive = make_zip(tmp_path / "a", {"aXb": b""})
    archive.write_bytes(archive.read_bytes().replace(b"aXb", b"a\0b"))
    refused(archive, "has a NUL byte in its name")


def test_a_name_marked_as_utf8_that_is_not_is_refused(tmp_path: Path) -> None:
    archive = make_zip(tmp_path / "a", {"ä": b""})
    archive.write_bytes(archive.read_bytes().replace("ä".encode(), b"\xff\xfe"))
    refused(archive, "has a name that is not UTF-8")


def test_an_encrypted_member_is_refused(tmp_path: Path) -> None:
    archive = make_zip(tmp_path / "a", {"1": b"secret"})
    content = bytearray(archive.read_bytes())
    content[content.index(b"PK\1\2") + 8] |= 1
    archive.write_bytes(content)
    refused(archive, "member '1' is encrypted: unpack it yourself")


@pytest.mark.parametrize("method", [zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_a_method_without_a_bound_on_memory_is_refused(tmp_path: Path, method: int) -> None:
    archive = make_zip(tmp_path / "a", {"1": b"a"}, method)
    refused(archive, rf"member '1' is neither stored nor deflated \(method {method}\): unpack it yourself")


def test_too_many_members_are_refused(tmp_path: Path) -> None:
    archive = make_tar(tmp_path / "a", [("1", b""), special("d", tarfile.DIRTYPE), ("3", b"")])
    assert len(unpacked(archive, Limits(files=3))) == 2
    refused(archive, "member '3' is one too many; source.limits.files allows 2", Limits(files=2))


@pytest.mark.parametrize("kind", ["zip", "tar"])
def test_too_many_bytes_are_refused(tmp_path: Path, kind: str) -> None:
    files = {"1": b"a" * 600, "2": b"b" * 401}
    archive = make_zip(tmp_path / "a", files) if kind == "zip" else make_tar(tmp_path / "a", files.items())
    assert unpacked(archive, Limits(bytes=1001)) == files
    refused(archive, "member '2' is too large: source.limits.bytes allows 1000 bytes in all", Limits(bytes=1000))


def test_copies_of_linked_files_count(tmp_path: Path) -> None:
    archive = make_tar(tmp_path / "a", [("1", b"a" * 600), special("l", tarfile.SYMTYPE, "1")])
    refused(archive, "member 'l' is too large", Limits(bytes=1000))


@pytest.mark.parametrize("kind", ["zip", "tar"])
def test_a_bomb_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str) -> None:
    monkeypatch.setattr(module, "PROOF", 2**20)
    files = {"1": bytes(2**20), "2": b"x"}
    archive = make_zip(tmp_path / "a", files) if kind == "zip" else make_tar(tmp_path / "a", files.items(), "w:gz")
    refused(archive, "member '2' unpacks to more than 200 times the size of the archive")
    assert unpacked(archive, Limits(ratio=2000)) == files


def test_a_small_text_that_shrinks_well_is_no_bomb(tmp_path: Path) -> None:
    assert len(unpacked(make_zip(tmp_path / "a", {"labels.csv": b"a" * 10_000_000}))) == 1


def overlapping(path: Path, count: int, size: int) -> Path:
    """Write a zip whose members nest: each holds the header of the next as text, then shares its deflated bytes.

    Source: D. Fifield, A better zip bomb, WOOT 2019.
    """
    squeeze = zlib.compressobj(9, wbits=-15)
    data = bytes(size)
    body = squeeze.compress(data) + squeeze.flush()
    directory: list[tuple[bytes, bytes, int]] = []
    for number in reversed(range(count)):
        name = f"{number:03d}".encode()
        facts = struct.pack("<HHHHHLLLHH", 20, 0, 8, 0, 0x21, zlib.crc32(data), len(body), len(data), len(name), 0)
        local = b"PK\3\4" + facts + name
        directory.append((facts, name, len(local) + len(body)))
        data = local + data
        body = local + body if number == 0 else struct.pack("<BHH", 0, len(local), len(local) ^ 0xFFFF) + local + body
    entries = b"".join(
        b"PK\1\2" + struct.pack("<H", 20) + facts + struct.pack("<HHHLL", 0, 0, 0, 0, len(body) - length) + name
        for facts, name, length in directory
    )
    end = b"PK\5\6" + struct.pack("<HHHHLLH", 0, 0, count, count, len(entries), len(body), 0)
    path.write_bytes(body + entries + end)
    return path


def test_a_bomb_of_overlapping_members_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    archive = overlapping(tmp_path / "a", 30, 2**19)
    monkeypatch.setattr(module, "PROOF", 2**20)
    # newer Pythons see the overlap themselves
    refused(archive, "member '.*' (unpacks to more than 200 times the size of the archive|.*[Oo]verlap)")


def test_a_header_that_promises_less_than_there_is_is_refused(tmp_path: Path) -> None:
    archive = make_zip(tmp_path / "a", {"1": b"a" * 100_000})
    content = archive.read_bytes()
    archive.write_bytes(content.replace(struct.pack("<L", 100_000), struct.pack("<L", 10)))
    refused(archive, "member '1' cannot be read, it is damaged or cut off: Bad CRC-32")


def test_a_damaged_member_of_a_zip_is_refused(tmp_path: Path) -> None:
    archive = damage(make_zip(tmp_path / "a", {"0": b"", "1": b"content"}, zipfile.ZIP_STORED), b"content", b"contend")
    refused(archive, "member '1' cannot be read, it is damaged or cut off: Bad CRC-32")


@pytest.mark.parametrize("mode", ["w", "w:gz", "w:bz2", "w:xz"])
def test_a_tar_that_was_cut_off_is_refused_wherever_it_was(tmp_path: Path, mode: str) -> None:
    whole = make_tar(tmp_path / "whole", FILES.items(), mode).read_bytes()
    archive = tmp_path / "a"
    used = len(whole) if mode != "w" else whole.rindex(b"h") + 512  # what follows is padding
    for length in {1, 100, 511, 512, 513, 1024, 1536, 2048, used // 2, used - 513, used - 512, used - 9, used - 1}:
        if 0 < length < used:
            archive.write_bytes(whole[:length])
            refused(archive, "damaged|cut off|reads zip and tar")


def test_a_zip_that_was_cut_off_is_refused_wherever_it_was(tmp_path: Path) -> None:
    whole = make_zip(tmp_path / "whole", FILES).read_bytes()
    archive = tmp_path / "a"
    for length in range(1, len(whole), 7):
        archive.write_bytes(whole[:length])
        refused(archive, "cut off|reads zip and tar")


def test_a_damaged_header_within_a_tar_is_not_taken_for_its_end(tmp_path: Path) -> None:
    archive = damage(make_tar(tmp_path / "a", FILES.items()), b"dog/3", b"dog/4")
    refused(archive, "damaged or cut off: bad checksum")


def test_a_damaged_gzip_is_refused_even_where_its_tar_is_whole(tmp_path: Path) -> None:
    archive = make_tar(tmp_path / "a", FILES.items(), "w:gz")
    content = bytearray(archive.read_bytes())
    content[-8] ^= 1  # its checksum
    archive.write_bytes(content)
    refused(archive, "damaged or cut off: CRC check failed")


@pytest.mark.parametrize("kind", ["zip", "tar"])
def test_a_second_archive_behind_the_first_is_not_lost_in_silence(tmp_path: Path, kind: str) -> None:
    make = make_zip if kind == "zip" else lambda path, files: make_tar(path, files.items())
    one, two = make(tmp_path / "1", {"1": b"1"}), make(tmp_path / "2", {"2": b"2"})
    one.write_bytes(one.read_bytes() + two.read_bytes())
    refused(one, "are two archives joined in it")


@pytest.mark.parametrize("zeros", [0, 512, 10_240, 2_000_000])
def test_padding_behind_a_tar_is_no_matter(tmp_path: Path, zeros: int) -> None:
    archive = make_tar(tmp_path / "a", FILES.items())
    archive.write_bytes(archive.read_bytes() + bytes(zeros))
    assert unpacked(archive) == FILES


def test_endless_padding_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(members, "PADDING", 2**20)
    archive = make_tar(tmp_path / "a", FILES.items())
    archive.write_bytes(gzip.compress(archive.read_bytes() + bytes(2**21)))
    refused(archive, "more data follows its end")


def header(name: str, kind: bytes, size: int, tail: bytes = b"") -> bytes:
    """One header block of a tar."""
    info = tarfile.TarInfo(name)
    info.type, info.size = kind, size
    return info.tobuf(tarfile.GNU_FORMAT) + tail


BAD_TARS = {
    "negative size": (header("a", tarfile.REGTYPE, 0) + header("b", tarfile.REGTYPE, -1024), "a size is negative"),
    "endless name": (header("a", tarfile.GNUTYPE_LONGNAME, 2**30), "damaged"),
    "endless attributes": (header("a", tarfile.XHDTYPE, 2**30), "damaged"),
    "negative size by attribute": (
        header("a", tarfile.REGTYPE, 0)
        + header("b", tarfile.XHDTYPE, 14, b"14 size=-2048\n".ljust(512, b"\0"))
        + header("b", tarfile.REGTYPE, 0),
        "its members overlap",
    ),
    "sparse": (header("a", tarfile.REGTYPE, 0) + header("b", tarfile.GNUTYPE_SPARSE, 0), "a file is sparse"),
    "sparse by attribute": (
        header("a", tarfile.REGTYPE, 0)
        + header("b", tarfile.XHDTYPE, 47, b"22 GNU.sparse.major=1\n22 GNU.sparse.minor=0\n".ljust(512, b"\0"))
        + header("b", tarfile.REGTYPE, 512, b"1\n0\n1\n".ljust(512, b"\0")),
        "a file is sparse",
    ),
    "names without end": (
        header("a", tarfile.REGTYPE, 0) + header("l", tarfile.GNUTYPE_LONGNAME, 2, b"b\0".ljust(512, b"\0")) * 2000,
        "damaged",
    ),
}


@pytest.mark.parametrize(("content", "said"), BAD_TARS.values(), ids=BAD_TARS)
def test_a_tar_made_to_hang_or_fill_the_memory_is_refused(tmp_path: Path, content: bytes, said: str) -> None:
    archive = tmp_path / "a"
    archive.write_bytes(gzip.compress(content + bytes(1024)))
    refused(archive, said)


def test_a_full_disk_is_no_damage(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    archive = make_zip(tmp_path / "a", FILES)

    def full(path: Path, mode: str = "r") -> io.BufferedWriter:
        if mode == "xb":
            raise OSError(28, "No space left on device")
        return original(path, mode)  # type: ignore[return-value]

    original = Path.open
    monkeypatch.setattr(Path, "open", full)
    with pytest.raises(SourceError, match=r"member 'cat/1\.jpg' cannot be written: No space left on device"):
        unpack(archive, tmp_path / "into", Limits())


PART = st.text(st.characters(exclude_characters="/\\\0:", exclude_categories=["Cs"]), min_size=1, max_size=20).filter(
    lambda part: part not in (".", "..") and len(part.encode()) <= 200
)
NAME = st.lists(PART, min_size=1, max_size=4).map("/".join)


def tree(files: dict[str, bytes]) -> bool:
    """No name is also the folder of another."""
    return not any(one != other and other.startswith(one + "/") for one in files for other in files)


@settings(deadline=None, max_examples=50)
@given(st.dictionaries(NAME, st.binary(max_size=2000), min_size=1, max_size=8).filter(tree))
def test_what_is_packed_is_what_is_unpacked(files: dict[str, bytes]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        for number, mode in enumerate(("w", "w:gz", "w:xz")):
            assert unpacked(make_tar(Path(folder, str(number)), files.items(), mode)) == files
        assert unpacked(make_zip(Path(folder, "zip"), files)) == files


WORD = st.sampled_from(["..", ".", "", "a", "b", "C:", "..\\..", "\\", "ä", " ", "\n"]) | st.text(max_size=5)
NASTY = st.tuples(st.sampled_from(["", "/", "../", "./"]), st.lists(WORD, max_size=4).map("/".join)).map("".join)
ENTRY = st.tuples(NASTY, st.sampled_from(["file", "folder", "link", "hard"]), NASTY)


@settings(deadline=None)
@given(st.lists(ENTRY, max_size=6))
def test_whatever_the_names_nothing_is_written_outside(entries: list[tuple[str, str, str]]) -> None:
    kinds = {"folder": tarfile.DIRTYPE, "link": tarfile.SYMTYPE, "hard": tarfile.LNKTYPE}
    tar = [(name, b"x") if kind == "file" else special(name, kinds[kind], target) for name, kind, target in entries]
    modes = {"folder": 0o040000, "link": S_IFLNK, "hard": S_IFREG, "file": S_IFREG}
    zipped = [(name, modes[kind], target.encode(errors="replace")) for name, kind, target in entries]
    with tempfile.TemporaryDirectory() as name:
        top = Path(name)
        (top / "a").write_bytes(b"mine")
        (top / "deep").mkdir()
        archive = top / "deep" / "archive"
        for kind in ("tar", "zip"):
            try:
                make_tar(archive, tar) if kind == "tar" else make_zip_of_modes(archive, zipped)
            except (ValueError, UserWarning):  # a name that even the writers refuse, or one that stands twice
                continue
            shutil.rmtree(archive.parent / "out", ignore_errors=True)  # what the other kind left there
            try:
                unpacked(archive)
            except SourceError:
                assert list((archive.parent / "out").iterdir()) == []
            assert (top / "a").read_bytes() == b"mine"
            assert sorted(path.name for path in top.iterdir()) == ["a", "deep"]
            assert sorted(path.name for path in archive.parent.iterdir()) == ["archive", "out"]
