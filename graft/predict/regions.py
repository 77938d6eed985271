"""Parts of an image that are classified each on its own: faces, or boxes that a table names."""

from collections.abc import Callable
from pathlib import Path
from typing import TypeAlias

from PIL import Image

from graft.images.regions import Region, read_boxes

Find: TypeAlias = Callable[[str, Image.Image], list[tuple[Region, Image.Image]]]
"""Gives the regions of an image, upright and RGB, and of its name, each with what is to be classified of it."""


def find_regions(word: str, margin: float = 0.0) -> Find:
    """Return what finds regions: ``faces``, or the boxes of a table at this path, as far as they lie in the image.

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
    return lambda name, image: [
        (inner, region.crop(image, margin)) for region in boxes(name, image) if (inner := region.within(*image.size))
    ]


class RegionTable:
    """Boxes of any detector: a table as `read_boxes` takes it.

    Paths are taken from the folder of the table, or are those by which images are named; of an image without a
    row there is nothing to classify.

    Raises:
        DataError: the table cannot be read, lacks a column, or a box is none.
    """

    def __init__(self, file: Path) -> None:
        self._folder = file.parent.resolve()
        self._regions: dict[Path, list[Region]] = {}
        for box in read_boxes(file):
            self._regions.setdefault(self._folder / box.path, []).append(box.region)

    def find(self, source: str, image: Image.Image) -> list[Region]:
        """Return the boxes of an image in the order of the table, also where they lie outside it."""
        return self._regions.get(self._folder / source) or self._regions.get(Path(source).resolve(), [])
