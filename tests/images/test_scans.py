"""The scans that a decoder meets are counted, and what only looks like one is not."""

from io import BytesIO

import pytest

from graft.images import decode
from graft.images.decode import MAX_SCANS, too_many_scans

HEAD, END = b"\xff\xd8", b"\xff\xd9"
SCAN = b"\xff\xda\x00\x08\x01\x01\x00\x00\x3f\x00" + b"\x12\xff\x00\x34\xff\xd0\x56"


def segment(code: int, content: bytes) -> bytes:
    return bytes([0xFF, code]) + (len(content) + 2).to_bytes(2) + content


@pytest.mark.parametrize("piece", [5, 16, 2**16])
@pytest.mark.parametrize(
    ("content", "too_many"),
    [
        (HEAD + SCAN * MAX_SCANS + END, False),
        (HEAD + SCAN * (MAX_SCANS + 1) + END, True),
        (HEAD + SCAN * (MAX_SCANS + 1), True),  # cut off
        (HEAD + b"\xff" * 9 + (SCAN + b"\xff" * 70) * (MAX_SCANS + 1) + END, True),  # filled up
        (HEAD + SCAN + END + SCAN * MAX_SCANS, False),  # a film behind the end
        (HEAD + segment(0xE1, SCAN * 200) + SCAN + END, False),  # in a tag
        (HEAD + segment(0xE1, b"\xff\xd9") + SCAN * (MAX_SCANS + 1), True),
        (HEAD + SCAN * 3 + b"\xff" * 99, False),
        (b"\xff\xda" * (MAX_SCANS + 1) + b"\xff", False),  # no scan has so little in it
        (b"", False),
    ],
)
def test_scans_are_counted_up_to_the_end(
    monkeypatch: pytest.MonkeyPatch, content: bytes, too_many: bool, piece: int
) -> None:
    monkeypatch.setattr(decode, "PIECE", piece)
    file = BytesIO(content)
    file.seek(min(3, len(content)))
    assert too_many_scans(file) is too_many
    assert file.tell() == min(3, len(content))
