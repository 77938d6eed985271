"""Parts of an image that are classified each on its own: faces, or boxes that a table names."""

import csv
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

from PIL import Image

from graft.core.errors import DataError

COLUMNS = ("path", "x", "y", "w", "h")


@dataclass(frozen=True, slots=True)
class Region:
    """A box in pixels of the upright image, `x` and `y` from its upper left corner; `score` is a detector's."""

    x: int
    y: int
    w: int
    h: int
    score: float | None = None

    def crop(self, image: Image.Image, margin: float = 0.0) -> Image.Image:
        """Cut the box out of an image, widened all round by a share of its sides as far as the image goes."""
        across, down = round(margin * self.w), round(margin * self.h)
        left, upper = max(0, self.x - across), max(0, self.y - down)
        right, lower = min(image.width, self.x + self.w + across), min(image.height, self.y + self.h + down)
        return image.crop((left, upper, right, lower))

    def within(self, width: int, height: int) -> "Region | None":
        """What of the box lies in an image of that size; None if nothing does."""
        x, y = max(self.x, 0), max(self.y, 0)
        w, h = min(self.x + self.w, width) - x, min(self.y + self.h, height) - y
        return Region(x, y, w, h, self.score) if w > 0 and h > 0 else None


Find: TypeAlias = Callable[[str, Image.Image], list[tuple[Region, Image.Image]]]
"""Gives the regions of an image, upright and RGB, and of its name, each with what is to be classified of it."""


def find_regions(word: str, margin: float = 0.0) -> Find:
    """Return what finds regions: ``faces``, or the boxes of a table at this path.

    Args:
        margin: share of its sides by which a region is widened before it is classified.

    Raises:
        BundleError: what finding faces needs is not installed.
        DataError: the table cannot be used.
    """
    if word == "faces":
        from graft.predict.faces import FaceDetector  # late: for this alone

        boxes: Callable[[str, Image.Image], list[Region]] = FaceDetector().find
    else:
        boxes = RegionTable(Path(word)).find
    return lambda name, image: [(region, region.crop(image, margin)) for region in boxes(name, image)]


class RegionTable:
    """Boxes of any detector: a CSV with the columns path, x, y, w and h, in pixels of the upright image.

    Paths are taken from the folder of the table, or are those by which images are named; of an image without a
    row there is nothing to classify.

    Raises:
        DataError: the table cannot be read, lacks a column, or a box is none.
    """

    def __init__(self, file: Path) -> None:
        self._folder = file.parent.resolve()
        self._regions: dict[Path, list[Region]] = {}
        try:
            with file.open(encoding="utf-8-sig", newline="") as text:
                rows = csv.DictReader(text, strict=True)
                if absent := [name for name in COLUMNS if name not in (rows.fieldnames or ())]:
                    has = ", ".join(rows.fieldnames or ()) or "none"
                    raise DataError(f"{file}: no column {absent[0]!r}; it needs {', '.join(COLUMNS)} and has {has}")
                for row in rows:
                    region = _region(file, rows.line_num, row)
                    self._regions.setdefault(self._folder / row["path"], []).append(region)
        except (OSError, UnicodeDecodeError, csv.Error) as error:
            raise DataError(f"{file}: is no table of boxes: {error}") from error

    def find(self, source: str, image: Image.Image) -> list[Region]:
        """Return the boxes of an image, as far as they lie in it, in the order of the table."""
        boxes = self._regions.get(self._folder / source) or self._regions.get(Path(source).resolve(), [])
        return [inner for box in boxes if (inner := box.within(*image.size))]


def _region(file: Path, line: int, row: dict[str, str]) -> Region:
    try:
        x, y, w, h = (round(float(row[name])) for name in COLUMNS[1:])
    except (TypeError, ValueError, OverflowError) as error:
        box = ", ".join(f"{name} {row[name]!r}" for name in COLUMNS[1:])
        raise DataError(f"{file}: line {line} is no box of numbers: {box}") from error
    if w < 1 or h < 1:
        raise DataError(f"{file}: line {line}: a box of {w} x {h} pixels holds nothing")
    return Region(x, y, w, h)
