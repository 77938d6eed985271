"""The members of a zip or tar archive, one after the other, in a form that is the same for both.

Reading only: nothing here writes, and no name is trusted. Python's own readers do the work; what
they would pass over in silence (a damaged header, a missing end, a second archive behind the first)
is an error here.
"""

import stat
import tarfile
import zipfile
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from tarfile import HeaderError, ReadError
from typing import IO, Any, BinaryIO, Literal, Self

from graft.core.errors import SourceError
from graft.source.recognise import UNPACK, recognise
from graft.source.refusal import UnsafeError, explained

CHUNK = 2**20
TARGET = 4096
"""Longest path a link of a zip may lead to, in bytes."""
HEADER = 2**20
"""Longest name or attribute block of a tar member: it is read whole into memory."""
PADDING = 64 * 2**20
"""Most zeros after the end of a tar archive: tapes fill their last block, files hardly."""

Kind = Literal["file", "folder", "link", "hard link"]


@dataclass(frozen=True, slots=True)
class Member:
    """A member as the archive states it."""

    name: str
    kind: Kind
    open: Callable[[], IO[bytes]]
    """Opens the content of a file, before the next member is asked for."""
    target: str = ""
    """Where a link leads: from its own folder; a hard link, from the archive's top."""


def members(archive: Path, file: BinaryIO) -> Iterator[Member]:
    """Yield every member of an archive, recognised by its content, not its name.

    Raises:
        SourceError: it is no zip or tar, is damaged or cut off, or has a member of a kind that cannot
            be unpacked.
    """
    read = _zip if recognise(archive, file) == "zip" else _tar
    yield from read(archive, file)


def _zip(archive: Path, file: BinaryIO) -> Iterator[Member]:
    with explained(archive):
        opened = zipfile.ZipFile(file)
    with opened:
        infos = opened.infolist()
        if infos and min(info.header_offset for info in infos) > 0:
            raise SourceError(f"{archive}: its first bytes belong to no member; are two archives joined in it?")
        for info in infos:
            name = _zip_name(info)
            with explained(archive, name):
                member = _zip_member(opened, info, name)
            yield member


def _zip_name(info: zipfile.ZipInfo) -> str:
    """Return a member's name as it was meant."""
    name = info.orig_filename
    if not info.flag_bits & 0x800:  # unmarked: by the book cp437, in fact often UTF-8
        with suppress(UnicodeError):
            name = name.encode("cp437").decode()
    # a zip separates folders by '/', though some programs of Windows write a backslash
    return name.replace("\\", "/")


def _zip_member(opened: zipfile.ZipFile, info: zipfile.ZipInfo, name: str) -> Member:
    if info.flag_bits & 0x41:
        raise UnsafeError(f"is encrypted: {UNPACK}")
    if info.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        # Python inflates the others with no bound on memory, or not at all
        raise UnsafeError(f"is neither stored nor deflated (method {info.compress_type}): {UNPACK}")

    def content() -> IO[bytes]:
        return opened.open(info)

    mode = info.external_attr >> 16
    if name.endswith("/") or stat.S_ISDIR(mode):
        return Member(name, "folder", content)
    if stat.S_ISLNK(mode):
        with content() as stream:
            return Member(name, "link", content, stream.read(TARGET).decode())
    if stat.S_IFMT(mode) not in (0, stat.S_IFREG):
        raise UnsafeError("is neither a file, a folder nor a link")
    return Member(name, "file", content)


def _tar(archive: Path, file: BinaryIO) -> Iterator[Member]:
    with explained(archive):
        opened = _open_tar(file)
    with opened:
        last = -1
        while True:
            with explained(archive):
                info = opened.next()
                if info is None:
                    _drain(opened)
                    return
                if opened.offset <= last:
                    raise ReadError("its members overlap")
                last = opened.offset
                opened.members.clear()  # type: ignore[attr-defined] # they would add up to gigabytes
            with explained(archive, info.name):
                member = _tar_member(opened, info)
            yield member


def _open_tar(file: BinaryIO) -> tarfile.TarFile:
    return tarfile.open(fileobj=file, mode="r:*", tarinfo=_Strict, encoding="utf-8", errors="surrogateescape")


def _tar_member(opened: tarfile.TarFile, info: tarfile.TarInfo) -> Member:
    def content() -> IO[bytes]:
        stream = opened.extractfile(info)
        assert stream is not None
        return stream

    if info.issparse():
        raise UnsafeError(f"is a sparse file: {UNPACK}")
    if info.isdir():
        return Member(info.name, "folder", content)
    if info.issym():
        return Member(info.name, "link", content, info.linkname)
    if info.islnk():
        return Member(info.name, "hard link", content, info.linkname)
    if not info.isfile():
        raise UnsafeError("is neither a file, a folder nor a link")
    return Member(info.name, "file", content)


def _drain(opened: tarfile.TarFile) -> None:
    """Read what follows the end mark: padding, and the checksum of the compression."""
    assert opened.fileobj is not None
    total = 0
    while block := opened.fileobj.read(CHUNK):
        total += len(block)
        if block.count(0) != len(block) or total > PADDING:
            raise ReadError("more data follows its end; are two archives joined in it?")


class _Strict(tarfile.TarInfo):
    """A tar header that is never passed over when it is damaged, and never read without a bound."""

    @classmethod
    def fromtarfile(cls, tarfile: tarfile.TarFile) -> Self:
        try:
            return super().fromtarfile(tarfile)
        except EOFHeaderError:  # the block of zeros that ends an archive
            raise
        except HeaderError as error:
            raise ReadError(str(error)) from error

    @classmethod
    def frombuf(cls, buf: bytes | bytearray, encoding: str, errors: str) -> Self:
        info = super().frombuf(buf, encoding, errors)
        if info.size < 0:
            raise ReadError("a size is negative")
        if info.type in (*LONG, tarfile.XHDTYPE, tarfile.XGLTYPE, tarfile.SOLARIS_XHDTYPE) and info.size > HEADER:
            raise ReadError(f"a header has {info.size} bytes")
        if info.type == tarfile.GNUTYPE_SPARSE:
            raise ReadError("a file is sparse")
        return info

    def _proc_gnusparse_10(self, *_: Any) -> None:
        raise ReadError("a file is sparse")  # its map would be read whole into memory


EOFHeaderError: type[HeaderError] = tarfile.EOFHeaderError  # type: ignore[attr-defined]
LONG = (tarfile.GNUTYPE_LONGNAME, tarfile.GNUTYPE_LONGLINK)
