"""What the scan says of each file, and how results are kept in parts, so that a scan that was killed goes on."""

import base64
import hashlib
import json
import os
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np

from graft.core.files import write_text
from graft.index.fingerprints import COLOURS, SIDE, Fingerprint

PART = 1024
"""Files of a part: what a killed scan does again at most, a second or two on two cores."""


@dataclass(frozen=True, slots=True)
class ImageFile:
    """A file that decodes.

    `path` may name a region of the file. `width` and `height` are those of the upright image, or of the region;
    `sha256` is of the file's `bytes` bytes;
    `format`, `mode`, `camera` and `taken` are what the file says of itself (see `Decoded`). `darkest` and
    `brightest` are values of an image of more than eight bits, None of any other. `note` says what is odd about
    it, empty for most.
    """

    path: str
    sha256: str
    bytes: int
    width: int
    height: int
    format: str
    mode: str
    camera: str
    taken: str
    darkest: float | None
    brightest: float | None
    note: str
    fingerprint: Fingerprint


@dataclass(frozen=True, slots=True)
class Rejected:
    """A file that should have been an image and cannot be used (``bad``), or was never meant as one; and why."""

    path: str
    kind: Literal["bad", "other"]
    reason: str


Results = Sequence[ImageFile | Rejected]
"""Of one file: of its boxes, each has one."""


class Parts:
    """Results of files in order, `PART` files at a time in a file of JSON lines that appears whole or not at all.

    Args:
        folder: of one scan: same params and code, same folder.
        root: folder of the images.
        names: all files below it; where one of them has changed since, all is scanned again.

    Attributes:
        files: of how many files, the first ones, results are kept.
    """

    def __init__(self, folder: Path, root: Path, names: Sequence[str]) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._folder, self._state = folder, _state(root, names)
        self._kept: list[Path] = []
        while (part := self._file(len(self._kept))).is_file() and self._is_whole(part):
            self._kept.append(part)
        self.files = min(len(names), PART * len(self._kept))
        self._next, self._waiting = len(self._kept), list[str]()

    def kept(self) -> Iterator[ImageFile | Rejected]:
        """Yield what an earlier scan found."""
        for part in self._kept:
            with part.open(encoding="utf-8") as lines:
                next(lines)
                yield from (_read(row) for line in lines for row in json.loads(line))

    def add(self, results: Results) -> None:
        """Keep the results of one more file; those of a whole part are on disk after this."""
        self._waiting.append(json.dumps([_written(result) for result in results]))
        if len(self._waiting) == PART:
            write_text(self._file(self._next), "\n".join([self._state, *self._waiting, ""]))
            self._next, self._waiting = self._next + 1, []

    def _file(self, number: int) -> Path:
        return self._folder / f"{number:06d}.jsonl"

    def _is_whole(self, part: Path) -> bool:
        """Whether a part is of these very files, and a crash of the machine left all of its lines."""
        with part.open("rb") as lines:
            return (
                next(lines, b"").strip() == self._state.encode()
                and sum(line.endswith(b"]\n") for line in lines) == PART
            )


def _state(root: Path, names: Sequence[str]) -> str:
    """Digest of the names, sizes and times of change of files."""
    digest = hashlib.sha256()
    for name in names:
        try:
            status = (root / name).stat()
            facts = f"{status.st_size} {status.st_mtime_ns}"
        except OSError as error:
            facts = str(error.strerror)
        digest.update(os.fsencode(name) + b"\0" + facts.encode() + b"\n")
    return digest.hexdigest()


def _written(result: ImageFile | Rejected) -> dict[str, Any]:
    if isinstance(result, Rejected):
        return asdict(result)
    prints = result.fingerprint
    arrays = {"thumbnail": _text(prints.thumbnail), "chroma": _text(prints.chroma)}
    row = {name: getattr(result, name) for name in ImageFile.__slots__ if name != "fingerprint"}
    return row | arrays | {"pixels": prints.pixels, "phash": int(prints.phash)}


def _read(row: dict[str, Any]) -> ImageFile | Rejected:
    if "kind" in row:
        return Rejected(**row)
    thumbnail, chroma = (np.frombuffer(base64.b64decode(row.pop(name)), np.uint8) for name in ("thumbnail", "chroma"))
    prints = Fingerprint(
        row.pop("pixels"),
        np.uint64(row.pop("phash")),
        thumbnail.reshape(SIDE, SIDE),
        chroma.reshape(COLOURS, COLOURS, 2),
    )
    return ImageFile(**row, fingerprint=prints)


def _text(values: np.ndarray) -> str:
    return base64.b64encode(values.tobytes()).decode()
