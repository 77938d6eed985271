"""How many scans a JPEG has: each costs a pass over the whole picture, and a few bytes are enough for one."""

import re
from typing import IO

MAX_SCANS = 100
"""Encoders write up to a dozen; libtiff draws the line here, too."""
PIECE = 2**16

_SCAN, _END = b"\xda", b"\xd9"
_SEGMENT = re.compile(rb"\xff+([\x02-\xcf\xd9-\xfe])")
"""What begins a segment; 0xFF before another byte is a pixel's, a restart or the beginning."""


def too_many_scans(file: IO[bytes]) -> bool:
    """Whether a JPEG has more than `MAX_SCANS`; the file is left where it stood, and read piece by piece."""
    stood = file.tell()
    try:
        # a tag, or what lies behind the end, such as a phone's film, may hold the two bytes by chance
        return _count(file, b"\xff" + _SCAN) > MAX_SCANS and _met(file) > MAX_SCANS
    finally:
        file.seek(stood)


def _count(file: IO[bytes], mark: bytes) -> int:
    """How often two bytes that differ stand in a file."""
    file.seek(0)
    count, last = 0, b""
    while piece := file.read(PIECE):
        count += (last + piece).count(mark)
        last = piece[-1:]
    return count


def _met(file: IO[bytes]) -> int:
    """Scans that a decoder meets, which passes over segments and stops at the end; no more than are needed."""
    count = start = 0
    file.seek(0)
    while len(piece := file.read(PIECE)) >= 4:
        at = 0
        while (found := _SEGMENT.search(piece, at)) and found.end() + 2 <= len(piece):
            count += found[1] == _SCAN
            if found[1] == _END or count > MAX_SCANS:
                return count
            at = found.end() + int.from_bytes(piece[found.end() : found.end() + 2])
        start += found.end() - 2 if found else max(at, len(piece) - 1)
        file.seek(start)
    return count
