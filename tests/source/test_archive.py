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
from graft.source import archive as module
from graft.source.archive import unpack
from graft.source.config import Limits
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


@pytest.mark.parametrize("method", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_LZMA])
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


OUTSIDE = "which is outside the destination"
ODD = "is a special file"
TWICE = "stands twice in the archive, or is a file and a folder in one"
REFUSED_TARS = {
    "climbing": ([("../evil", b"")], f"'../evil' .*{OUTSIDE}"),
    "climbing later": ([("a/../../evil", b"")], OUTSIDE),
    "climbing folder": ([special("../evil", tarfile.DIRTYPE)], OUTSIDE),
    "not utf-8": ([("\udcff.jpg", b"")], "has a name that is not UTF-8"),
    "link out": ([special("l", tarfile.SYMTYPE, "../evil")], f"'l' would link .*{OUTSIDE}"),
    "link to a path": ([special("l", tarfile.SYMTYPE, "/etc/passwd")], "'l' is a link to an absolute path"),
    "hard link out": ([special("l", tarfile.LNKTYPE, "../../evil")], f"'l' would link .*{OUTSIDE}"),
    "link to a folder": ([("d/1", b""), special("l", tarfile.SYMTYPE, "d")], "'l' is a link to 'd', which is no file"),
    "below a link": ([("1", b""), special("l", tarfile.SYMTYPE, "1"), ("l/2", b"")], f"'l' {TWICE}"),
    "link to nothing": (
        [special("l", tarfile.SYMTYPE, "none")],
        "is a link to 'none', which is no file of the archive",
    ),
    "two links": (
        [special("a", tarfile.SYMTYPE, "b"), special("b", tarfile.SYMTYPE, "a")],
        "'a' is a link that leads back to itself",
    ),
    "fifo": ([special("f", tarfile.FIFOTYPE)], f"'f' {ODD}"),
    "device": ([special("f", tarfile.CHRTYPE)], ODD),
    "twice": ([("1", b"a"), ("./1", b"b")], rf"'\./1' {TWICE}"),
    "two links of a name": ([("1", b"a"), *[special("l", tarfile.SYMTYPE, "1")] * 2], f"'l' {TWICE}"),
    "a link and a file": ([special("1", tarfile.SYMTYPE, "2"), ("2", b""), ("1", b"a")], f"'1' {TWICE}"),
    "a folder in a file": ([("1", b""), ("1/2", b"")], f"'1/2' {TWICE}"),
    "a folder over a file": ([("1", b""), special("1", tarfile.DIRTYPE)], TWICE),
    "a file over a folder": ([("1/2", b""), ("1", b"")], TWICE),
    "a nameless file": ([("./", b"x")], TWICE),
    "a name too long": ([("a" * 300, b"")], "cannot be unpacked: File name too long"),
    "only folders": ([special("d", tarfile.DIRTYPE)], "holds no file"),
    "empty": ([], "holds no file"),
}


@pytest.mark.parametrize(("content", "said"), REFUSED_TARS.values(), ids=REFUSED_TARS)
def test_a_tar_is_refused(tmp_path: Path, content: list[tarfile.TarInfo | tuple[str, bytes]], said: str) -> None:
    refused(make_tar(tmp_path / "a.tar", content), said)


REFUSED_ZIPS = {
    "climbing": ([("../evil", S_IFREG, b"")], OUTSIDE),
    "climbing with a backslash": ([("..\\evil", S_IFREG, b"")], OUTSIDE),
    "link out": ([("l", S_IFLNK, b"../evil")], f"'l' would link .*{OUTSIDE}"),
    "link that is no text": ([("l", S_IFLNK, b"\xff")], "has a name that is not UTF-8"),
    "fifo": ([("f", S_IFIFO, b"")], f"'f' {ODD}"),
    "device": ([("f", S_IFBLK, b"")], ODD),
    "empty": ([], "holds no file"),
}


@pytest.mark.parametrize(("content", "said"), REFUSED_ZIPS.values(), ids=REFUSED_ZIPS)
def test_a_zip_is_refused(tmp_path: Path, content: list[tuple[str, int, bytes]], said: str) -> None:
    refused(make_zip_of_modes(tmp_path / "a.zip", content), said)


def test_a_member_that_stands_twice_in_a_zip_is_refused(tmp_path: Path) -> None:
    with pytest.warns(UserWarning, match="Duplicate name"):
        archive = make_zip(tmp_path / "a", [("1", b"a"), ("1", b"b")])
    refused(archive, f"member '1' {TWICE}")


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


def test_an_unknown_compression_is_refused(tmp_path: Path) -> None:
    archive = make_zip(tmp_path / "a", {"1": b"a"}, zipfile.ZIP_STORED)
    content = bytearray(archive.read_bytes())
    content[8] = content[content.index(b"PK\1\2") + 10] = 99
    archive.write_bytes(content)
    refused(archive, "member '1' cannot be read, .*compression method is not supported")


def test_an_absolute_path_is_unpacked_below_the_folder(tmp_path: Path) -> None:
    for archive in (make_tar(tmp_path / "a", [("/etc/x", b"1")]), make_zip(tmp_path / "b", {"//etc/x": b"1"})):
        assert unpacked(archive) == {"etc/x": b"1"}


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
    monkeypatch.setattr(module, "PROOF", 2**20)
    archive = make_tar(tmp_path / "a", FILES.items())
    archive.write_bytes(gzip.compress(archive.read_bytes() + bytes(10 * 2**20)))
    refused(archive, "more data follows its end")


@pytest.mark.parametrize(("kind", "size"), [(tarfile.GNUTYPE_LONGNAME, 2**30), (tarfile.REGTYPE, -1024)])
def test_a_tar_made_to_fill_the_memory_or_to_hang_is_refused(tmp_path: Path, kind: bytes, size: int) -> None:
    blocks = []
    for name, type_, length in (("a", tarfile.REGTYPE, 0), ("b", kind, size)):
        info = tarfile.TarInfo(name)
        info.type, info.size = type_, length
        blocks.append(info.tobuf(tarfile.GNU_FORMAT))
    (tmp_path / "a").write_bytes(b"".join(blocks) + bytes(1024))
    refused(tmp_path / "a", f"a header tells of {size} bytes")


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "is empty$"),
        (b"PK\3\4 and no more", "cannot be read, it is damaged or cut off: File is not a zip file"),
        (
            b"7z\xbc\xaf\x27\x1c\0",
            "is a 7z, rar or zstandard archive; unpack it yourself and name the folder in source.uri",
        ),
        (b"Rar!\x1a\x07\0", "is a 7z, rar or zstandard archive"),
        (b"\xff\xd8\xff\xe0", "is a single image; name the folder"),
        (
            b"\x1f\x8b\x08 no gzip at all",
            "is compressed with gzip, bzip2 or xz but holds no tar archive, or is damaged",
        ),
        (b" \n<!DOCTYPE html><html>", "is a web page, not an archive"),
        (b"version https://git-lfs.github.com/spec/v1\n", "is a pointer of Git LFS; run `git lfs pull`"),
        (b"some text", "is no archive that graft reads; it reads zip and tar"),
    ],
    ids=["empty", "half a zip", "7z", "rar", "jpeg", "gzip", "html", "lfs", "text"],
)
def test_what_is_no_archive_is_refused_with_what_to_do(tmp_path: Path, content: bytes, said: str) -> None:
    (tmp_path / "data.zip").write_bytes(content)
    refused(tmp_path / "data.zip", said)


def test_a_full_disk_is_no_damage(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    archive = make_zip(tmp_path / "a", FILES)

    def full(path: Path, mode: str = "r") -> io.BufferedWriter:
        if mode == "xb":
            raise OSError(28, "No space left on device")
        return original(path, mode)  # type: ignore[return-value]

    original = Path.open
    monkeypatch.setattr(Path, "open", full)
    with pytest.raises(SourceError, match=r"member 'cat/1\.jpg' cannot be unpacked: No space left on device"):
        unpack(archive, tmp_path / "into", Limits())


PART = st.text(st.characters(exclude_characters="/\\\0:", exclude_categories=["Cs"]), min_size=1, max_size=20).filter(
    lambda part: part not in (".", "..") and len(part.encode()) <= 200
)
NAME = st.lists(PART, min_size=1, max_size=4).map("/".join)


def tree(files: dict[str, bytes]) -> bool:
    """No name is also the folder of another."""
    return not any(one != other and other.startswith(one + "/") for one in files for other in files)


@pytest.mark.slow
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


@pytest.mark.slow
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
