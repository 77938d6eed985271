"""Presized images as JPEGs: all of them in one file, where each lies in another, so that any is read by itself.

JPEGs without subsampling of colour (4:4:4) take about a tenth of the pixels' room. Any decoder of the
libjpeg-turbo family makes the same pixels of them.
"""

import json
import os
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from graft.core.errors import DataError
from graft.core.files import write_json, write_text
from graft.data.arrays import ImageRows

PIXELS, JPEGS = "pixels.npy", "pixels.jpegs"
"""Files of the two stores."""
OFFSETS, DESCRIPTION = "offsets.npy", "jpeg.json"


def read_presized(folder: Path) -> ImageRows:
    """Open what `presize` wrote, in whichever store."""
    return JpegRows(folder / JPEGS) if (folder / JPEGS).is_file() else ImageRows(folder / PIXELS)


def encode(pixels: NDArray[np.uint8], quality: int) -> bytes:
    """Encode pixels `[S, S, 3]`, RGB."""
    import simplejpeg  # late: the usual store needs none

    content: bytes = simplejpeg.encode_jpeg(np.ascontiguousarray(pixels), quality, "RGB", "444", fastdct=False)
    return content


def decode(content: bytes | NDArray[np.uint8], out: NDArray[np.uint8]) -> None:
    """Decode one image into `out`, `[S, S, 3]`, RGB.

    Raises:
        ValueError: it is no JPEG of that size.
    """
    import simplejpeg  # late, as above

    simplejpeg.decode_jpeg(content, "RGB", fastdct=False, fastupsample=False, buffer=out)


def as_stored(pixels: NDArray[np.uint8], quality: int) -> NDArray[np.uint8]:
    """What is read back of pixels `[S, S, 3]` that were stored with a quality."""
    out = np.empty_like(pixels)
    decode(encode(pixels, quality), out)
    return out


class PartialJpegs:
    """A file of JPEGs that grows image by image, and a mark that says how many of them are complete.

    The folder belongs to one computation: same inputs, same folder. As in `PartialArray`, images are on disk
    before the mark moves.

    Args:
        folder: scratch space.
        count: images in the end.
        size: side of each in pixels.
        quality: with which they are encoded.
    """

    def __init__(self, folder: Path, count: int, size: int, quality: int) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._jpegs, self._lengths, self._mark = folder / "jpegs", folder / "lengths", folder / "jpegs_done"
        self._count, self._size, self.quality = count, size, quality
        self.done, used = map(int, self._mark.read_text().split()) if self._mark.is_file() else (0, 0)
        for file, length in ((self._jpegs, used), (self._lengths, 8 * self.done)):
            file.touch()
            os.truncate(file, length)

    def put(self, number: int, content: bytes) -> None:
        """Add the image of a row; rows come in order."""
        with self._jpegs.open("ab") as jpegs, self._lengths.open("ab") as lengths:
            assert lengths.tell() == 8 * number, f"row {number} is not the next"
            jpegs.write(content)
            lengths.write(len(content).to_bytes(8, "little"))

    def mark(self, done: int) -> None:
        """Record that the first `done` images are complete."""
        for file in (self._jpegs, self._lengths):
            with file.open("ab") as end:
                os.fsync(end.fileno())
        write_text(self._mark, f"{done} {self._jpegs.stat().st_size}")
        self.done = done

    def move(self, path: Path) -> None:
        """Give the file its final name, on the same file system, and write beside it what it takes to read it."""
        offsets = np.zeros(self._count + 1, dtype=np.int64)
        np.cumsum(np.fromfile(self._lengths, dtype="<i8"), out=offsets[1:])
        np.save(path.with_name(OFFSETS), offsets)
        write_json(path.with_name(DESCRIPTION), {"quality": self.quality, "size": self._size})
        self._jpegs.replace(path)
        self._mark.unlink(missing_ok=True)


class JpegRows(ImageRows):
    """Images kept as JPEGs, each decoded whenever it is read; there is no `array` of them."""

    def __init__(self, file: Path) -> None:
        self._read_table(file)
        self._file, self._offsets = file, np.load(file.with_name(OFFSETS), allow_pickle=False)
        self._content: NDArray[np.uint8] = (
            np.memmap(file, np.uint8, "r") if self._offsets[-1] else np.empty(0, np.uint8)
        )
        description = json.loads(file.with_name(DESCRIPTION).read_text(encoding="utf-8"))
        self.quality, side = description["quality"], description["size"]
        self.shape = (len(self._offsets) - 1, side, side, 3)

    def read(self, rows: NDArray[np.int64] | Sequence[int], out: NDArray[np.uint8] | None = None) -> NDArray[np.uint8]:
        """Decode some rows into memory: into `out`, or a new array `[B, S, S, 3]`.

        Raises:
            DataError: the file is damaged.
        """
        out = np.empty((len(rows), *self.shape[1:]), dtype=np.uint8) if out is None else out
        for row, pixels in zip(rows, out, strict=True):
            try:
                decode(self._content[self._offsets[row] : self._offsets[row + 1]], pixels)
            except ValueError as error:
                raise DataError(
                    f"{self._file}: {self.paths[row]!r} cannot be decoded ({error}): the file is damaged; "
                    "run `dvc repro --force presize`"
                ) from error
        return out
