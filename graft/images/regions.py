"""Regions of images: boxes in pixels, tables that list them, and the names by which a region counts as an image."""

import csv
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from PIL import Image

from graft.core.errors import DataError

COLUMNS = ("path", "x", "y", "w", "h")
_NAME = re.compile(r"(.*)#(\d+)x(\d+)([+-]\d+)([+-]\d+)", re.DOTALL)


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
        wide = self.widened(margin)
        left, upper = max(0, wide.x), max(0, wide.y)
        return image.crop((left, upper, min(image.width, wide.x + wide.w), min(image.height, wide.y + wide.h)))

    def widened(self, margin: float) -> "Region":
        """The box with a share of its sides added at each end, wherever that lies."""
        across, down = round(margin * self.w), round(margin * self.h)
        return Region(self.x - across, self.y - down, self.w + 2 * across, self.h + 2 * down, self.score)

    def within(self, width: int, height: int) -> "Region | None":
        """What of the box lies in an image of that size; None if nothing does."""
        x, y = max(self.x, 0), max(self.y, 0)
        w, h = min(self.x + self.w, width) - x, min(self.y + self.h, height) - y
        return Region(x, y, w, h, self.score) if w > 0 and h > 0 else None

    def of(self, path: str) -> str:
        """Name of this region of an image: its path, and the box as X11 and ImageMagick write geometry.

        So ``street.jpg#30x40+5-2`` is 30 wide and 40 high, 5 from the left and 2 above the upper edge.
        """
        return f"{path}#{self.w}x{self.h}{self.x:+d}{self.y:+d}"


def image_of_region(name: str) -> tuple[str, Region | None]:
    """The image that a name means, and the region of it: None of a whole image."""
    found = _NAME.fullmatch(name)
    if found is None:
        return name, None
    path, w, h, x, y = found.groups()
    return path, Region(int(x), int(y), int(w), int(h))


def located(file: Path) -> tuple[Path, Region | None]:
    """As `image_of_region`, of a file; one that is really called like a region goes first."""
    name, region = image_of_region(file.name)
    return (file, None) if region is None or file.exists() else (file.with_name(name), region)


@dataclass(frozen=True, slots=True)
class Box:
    """A row of a table of boxes; `label` is None where the table has no such column."""

    path: str
    region: Region
    label: str | None


def read_boxes(file: Path) -> Iterator[Box]:
    """Read a CSV with the columns path, x, y, w and h, in pixels of the upright image, and perhaps label.

    Raises:
        DataError: the table cannot be read, lacks a column, or a box is none.
    """
    try:
        with file.open(encoding="utf-8-sig", newline="") as text:
            rows = csv.DictReader(text, strict=True)
            if absent := [name for name in COLUMNS if name not in (rows.fieldnames or ())]:
                has = ", ".join(rows.fieldnames or ()) or "none"
                raise DataError(f"{file}: no column {absent[0]!r}; it needs {', '.join(COLUMNS)} and has {has}")
            for row in rows:
                yield Box(row["path"], _region(file, rows.line_num, row), row.get("label"))
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise DataError(f"{file}: is no table of boxes: {error}") from error


def _region(file: Path, line: int, row: dict[str, str]) -> Region:
    try:
        x, y, w, h = (round(float(row[name])) for name in COLUMNS[1:])
    except (TypeError, ValueError, OverflowError) as error:
        box = ", ".join(f"{name} {row[name]!r}" for name in COLUMNS[1:])
        raise DataError(f"{file}: line {line} is no box of numbers: {box}") from error
    if w < 1 or h < 1:
        raise DataError(f"{file}: line {line}: a box of {w} x {h} pixels holds nothing")
    return Region(x, y, w, h)
