"""Unpack a zip or tar archive that may be hostile: safely and whole, or with an error that says why not.

`tarfile` and `zipfile` read; every member passes tarfile's `data` filter, and a budget counts bytes as
they are written, whatever the archive says of itself. No link is made on disk.
"""

import os
import stat
import tarfile
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO, BinaryIO, Self

from graft.core.errors import SourceError
from graft.core.progress import bar
from graft.source.config import Limits

CHUNK = 2**20
PROOF = 64 * 2**20
"""Bytes unpacked before their ratio to the archive counts: a small text may shrink a thousandfold. Also the most
zeros after the end of a tar."""
HEADER = 2**20  # longest name or attribute block of a tar member in bytes: it is read whole into memory

UNPACK = "unpack it yourself and name the folder in source.uri"
NAME = "name the folder or the archive that holds the images"
OTHER_KINDS: dict[str, tuple[bytes, ...]] = {
    f"is a 7z, rar or zstandard archive; {UNPACK}": (b"7z\xbc\xaf\x27\x1c", b"Rar!\x1a\x07", b"\x28\xb5\x2f\xfd"),
    "is compressed with gzip, bzip2 or xz but holds no tar archive, or is damaged": (b"\x1f\x8b", b"BZh", b"\xfd7zXZ"),
    f"is a single image; {NAME}": (b"\xff\xd8\xff", b"\x89PNG", b"GIF8", b"RIFF"),
    f"is a parquet file; {NAME}": (b"PAR1",),
    "is a pointer of Git LFS; run `git lfs pull` where it comes from": (b"version https://git-lfs",),
}
"""What other files are, what to do with them, and what they begin with."""

Member = tuple[tarfile.TarInfo, Callable[[], IO[bytes]]]
"""A member in the form of a tar's, be it of a zip, and what opens it."""
EOFHeaderError: type[tarfile.HeaderError] = tarfile.EOFHeaderError  # type: ignore[attr-defined]


class _UnsafeError(Exception):
    """A member that is not unpacked; the text says why and follows the member's name."""


def unpack(archive: Path, into: Path, limits: Limits) -> int:
    """Unpack a zip or tar archive into an empty folder; return how many files it holds.

    Links to files inside the archive become copies of them. Permissions, owners and times are left out.
    After an error the folder holds what came before it: give one that is removed then
    (`graft.core.files.new_folder`).

    Raises:
        SourceError: names the archive, the member and the reason.
    """
    writer = _Writer(archive.stat().st_size, limits)
    links: dict[str, str] = {}
    files = 0
    with archive.open("rb") as file, bar("unpack", writer.packed, unit="B") as progress:
        for number, (info, content) in enumerate(_members(archive, file), 1):
            with _explained(archive, info.name):
                if number > limits.files:
                    raise _UnsafeError(f"is one too many; source.limits.files allows {limits.files}")
                info.name.encode()  # raises where it is not UTF-8
                member = tarfile.data_filter(info, str(into))
                path = os.path.normpath(member.name)
                if member.isdir():
                    (into / path).mkdir(parents=True, exist_ok=True)
                    continue
                if member.isreg():
                    with content() as stream:
                        writer.write(stream, into / path)
                elif path in links:
                    raise FileExistsError
                else:
                    above = os.path.dirname(path) if member.issym() else ""  # noqa: PTH120 - a path of the archive
                    links[path] = os.path.normpath(os.path.join(above, member.linkname))  # noqa: PTH118
            files += 1
            progress.update(max(0, file.tell() - progress.n))
    for path in sorted(links):
        with _explained(archive, path), _linked_file(path, links, into).open("rb") as stream:
            writer.write(stream, into / path)
    if not files:
        raise SourceError(f"{archive}: holds no file")
    return files


@dataclass
class _Writer:
    """Writes members, as long as the archive keeps within the limits."""

    packed: int
    limits: Limits
    written: int = 0

    def write(self, stream: IO[bytes], path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("xb") as file:  # never over another member, also where names differ in case alone
            while data := stream.read(CHUNK):
                self.written += len(data)
                if self.written > self.limits.bytes:
                    raise _UnsafeError(f"is too large: source.limits.bytes allows {self.limits.bytes} bytes in all")
                if self.written > max(PROOF, self.limits.ratio * self.packed):
                    raise _UnsafeError(
                        f"unpacks to more than {self.limits.ratio:g} times the size of the archive, as bombs do; "
                        "raise source.limits.ratio if you trust it"
                    )
                file.write(data)


def _linked_file(path: str, links: dict[str, str], into: Path) -> Path:
    target, seen = links[path], {path}
    while target in links:
        if target in seen:
            raise _UnsafeError("is a link that leads back to itself")
        target, seen = links[target], seen | {target}
    if not (into / target).is_file():
        raise _UnsafeError(f"is a link to {target!r}, which is no file of the archive")
    return into / target


def _members(archive: Path, file: BinaryIO) -> Iterator[Member]:
    """Yield every member of an archive, whose kind follows from its content, not its name."""
    with _explained(archive):
        begin = file.read(512)
        file.seek(0)
        # a zip is read from its end, where a tar may carry one: the first bytes decide
        if begin.startswith((b"PK\3\4", b"PK\5\6")):
            read = _zip_members(zipfile.ZipFile(file))
        elif tarfile.is_tarfile(file):
            file.seek(0)
            read = _tar_members(file)
        else:
            raise SourceError(f"{archive}: {_other_kind(begin)}")
    while True:
        with _explained(archive):
            member = next(read, None)
        if member is None:
            return
        yield member


def _other_kind(begin: bytes) -> str:
    if not begin:
        return "is empty"
    for text, magic in OTHER_KINDS.items():
        if begin.startswith(magic):
            return text
    if begin.lstrip().lower().startswith((b"<!doctype html", b"<html")):
        return "is a web page, not an archive; find the address that the page's download button leads to"
    return "is no archive that graft reads; it reads zip and tar (plain, gzip, bzip2, xz)"


def _zip_members(opened: zipfile.ZipFile) -> Iterator[Member]:
    infos = opened.infolist()
    if infos and min(info.header_offset for info in infos) > 0:
        raise zipfile.BadZipFile("its first bytes belong to no member; are two archives joined in it?")
    for info in infos:
        name, mode = info.filename, info.external_attr >> 16
        if not info.flag_bits & 0x800:  # unmarked: by the standard cp437, in fact often UTF-8
            with suppress(UnicodeError):
                name = name.encode("cp437").decode()
        member = tarfile.TarInfo(name.replace("\\", "/"))  # as some programs of Windows separate folders
        if info.flag_bits & 0x41:
            raise _UnsafeError(f"member {member.name!r} is encrypted: {UNPACK}")
        if member.name.endswith("/") or stat.S_ISDIR(mode):
            member.type = tarfile.DIRTYPE
        elif stat.S_ISLNK(mode):
            member.type, member.linkname = tarfile.SYMTYPE, opened.read(info).decode()
        elif stat.S_IFMT(mode) not in (0, stat.S_IFREG):
            member.type = tarfile.CHRTYPE  # or another that the filter refuses
        yield member, lambda info=info: opened.open(info)  # type: ignore[misc]


def _tar_members(file: BinaryIO) -> Iterator[Member]:
    opened = tarfile.open(  # noqa: SIM115 - the caller closes the file
        fileobj=file, mode="r:*", tarinfo=_StrictTarInfo, encoding="utf-8", errors="surrogateescape"
    )
    while (info := opened.next()) is not None:
        opened.members.clear()  # type: ignore[attr-defined] # they would add up to gigabytes
        yield info, lambda info=info: opened.extractfile(info)  # type: ignore[misc]
    assert opened.fileobj is not None
    padding = 0
    while block := opened.fileobj.read(CHUNK):  # padding, and the checksum of the compression
        padding += len(block)
        if block.strip(b"\0") or padding > PROOF:
            raise tarfile.ReadError("more data follows its end; are two archives joined in it?")


class _StrictTarInfo(tarfile.TarInfo):
    """A tar header that is never taken for the archive's end when it is damaged, nor read without a bound."""

    @classmethod
    def fromtarfile(cls, tarfile_: tarfile.TarFile) -> Self:
        try:
            return super().fromtarfile(tarfile_)
        except EOFHeaderError:  # the block of zeros that ends an archive
            raise
        except tarfile.HeaderError as error:
            raise tarfile.ReadError(str(error)) from error

    @classmethod
    def frombuf(cls, buf: bytes | bytearray, encoding: str, errors: str) -> Self:
        info = super().frombuf(buf, encoding, errors)
        if info.size < 0 or (info.size > HEADER and not info.isreg()):
            raise tarfile.ReadError(f"a header tells of {info.size} bytes")
        return info


@contextmanager
def _explained(archive: Path, member: str | None = None) -> Iterator[None]:
    """Turn whatever a reader of archives raises into a SourceError that names archive and member."""
    where = f"{archive}:" if member is None else f"{archive}: member {member!r}"
    try:
        yield
    except SourceError:
        raise
    except _UnsafeError as error:
        raise SourceError(f"{where} {error}") from error
    except tarfile.FilterError as error:  # it names the member itself
        raise SourceError(f"{archive}: member {error}") from error
    except (FileExistsError, NotADirectoryError, IsADirectoryError) as error:
        raise SourceError(f"{where} stands twice in the archive, or is a file and a folder in one") from error
    except UnicodeError as error:
        raise SourceError(f"{where} has a name that is not UTF-8") from error
    except Exception as error:  # readers of damaged archives raise whatever they meet
        text = str(error) or type(error).__name__
        strerror = isinstance(error, OSError) and error.strerror
        reason = f"unpacked: {strerror}" if strerror else f"read, it is damaged or cut off: {text}"
        raise SourceError(f"{where} cannot be {reason}") from error
