"""Tell by its content what an archive is, and of anything else, what to do with it."""

import tarfile
import zipfile
from pathlib import Path
from typing import BinaryIO, Literal

from graft.core.errors import SourceError
from graft.source.refusal import explained

UNPACK = "unpack it yourself and name the folder in source.uri"
IMAGE = "is a single picture; name the folder or the archive that holds the pictures"
MAGIC = (
    (b"7z\xbc\xaf\x27\x1c", f"is a 7z archive; {UNPACK}"),
    (b"Rar!\x1a\x07", f"is a rar archive; {UNPACK}"),
    (b"\x28\xb5\x2f\xfd", f"is compressed with zstandard; {UNPACK}"),
    (b"\x1f\x8b", "is compressed with gzip but holds no tar archive, or is damaged"),
    (b"BZh", "is compressed with bzip2 but holds no tar archive, or is damaged"),
    (b"\xfd7zXZ", "is compressed with xz but holds no tar archive, or is damaged"),
    (b"\xff\xd8\xff", IMAGE),
    (b"\x89PNG", IMAGE),
    (b"GIF8", IMAGE),
    (b"RIFF", IMAGE),
    (b"BM", IMAGE),
    (b"II*\0", IMAGE),
    (b"MM\0*", IMAGE),
    (b"PAR1", "is a parquet file; name the folder or the archive that holds the pictures"),
    (b"version https://git-lfs", "is a pointer of Git LFS; run `git lfs pull` where it comes from"),
)


def recognise(archive: Path, file: BinaryIO) -> Literal["zip", "tar"]:
    """Say whether an open file is a zip or a tar archive, leaving it at its start.

    Raises:
        SourceError: it is neither; what it is instead, and what to do.
    """
    with explained(archive):
        begins = file.read(512)
        # a zip is read from its end, where a tar may carry one: the first bytes decide
        if begins.startswith((b"PK\3\4", b"PK\5\6")):
            if not zipfile.is_zipfile(file):
                raise SourceError(f"{archive}: begins as a zip archive but has no end: it was cut off")
            file.seek(0)
            return "zip"
        file.seek(0)
        if tarfile.is_tarfile(file):
            file.seek(0)
            return "tar"
    raise SourceError(f"{archive}: {_instead(begins)}")


def _instead(begins: bytes) -> str:
    if not begins:
        return "is empty"
    for magic, said in MAGIC:
        if begins.startswith(magic):
            return said
    if begins.lstrip().lower().startswith((b"<!doctype html", b"<html")):
        return "is a web page, not an archive; find the address that the page's download button leads to"
    return "is no archive that graft reads; it reads zip and tar (plain, gzip, bzip2, xz)"
