"""Regions as images of their own: each box of a table is a row of the index, called after its image and its place."""

import posixpath
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from graft.core.errors import DataError
from graft.data.raw import names
from graft.images.regions import Region, image_of_region, read_boxes
from graft.index.config import Index
from graft.labels.locate import Locator


@dataclass(frozen=True, slots=True)
class Boxes:
    """The boxes of a table; without one, `file` is empty, and images count whole.

    Attributes:
        file: the table, below the source.
        margin: by which each is widened.
        of_image: boxes by path of their image, each once, as the table has them.
        labels: name and label of each row that has one.
        astray: names of boxes whose image is not there.
    """

    file: str = ""
    margin: float = 0.0
    of_image: dict[str, list[Region]] = field(default_factory=dict)
    labels: list[tuple[str, str]] = field(default_factory=list)
    astray: list[str] = field(default_factory=list)

    @classmethod
    def read(cls, root: Path, index: Index) -> Self:
        """Read the table of `index.regions`, which names images of the folder `root` as tables of labels do.

        Raises:
            DataError: the table cannot be used, or none of its rows leads to a file.
        """
        if (config := index.regions) is None:
            return cls()
        boxes, rows = cls(config.file, config.margin), list(read_boxes(root / config.file))
        found = Locator(names(root)).find([row.path for row in rows], posixpath.dirname(config.file), ["{path}"])
        for row, path in zip(rows, found, strict=True):
            name = row.region.widened(config.margin).of(path or row.path)
            if path is None:
                boxes.astray.append(name)
                continue
            if row.region not in (known := boxes.of_image.setdefault(path, [])):
                known.append(row.region)
            if row.label is not None:
                boxes.labels.append((name, row.label.strip()))
        if not boxes.of_image:
            example = f": {rows[0].path!r} of the first row is none" if rows else ", for it has none"
            raise DataError(f"index.regions.file: no row of {config.file} leads to a file of the source{example}")
        return boxes


def tied_by_image(groups: NDArray[np.int64], paths: Sequence[str]) -> NDArray[np.int64]:
    """Join the duplicate groups of all regions of an image, so that none is in another split than the others.

    Args:
        groups: duplicate group of each row, `[N]`, numbered from 0 on.
        paths: names of the rows; where none is a region, the groups stay as they are.
    """
    images, distinct = pd.factorize(np.asarray([image_of_region(path)[0] for path in paths], dtype=object))
    if len(distinct) == len(paths):
        return groups
    ties = coo_array((np.ones(len(groups)), (groups, images)), shape=(groups.max() + 1, len(distinct)))
    joined = connected_components(ties @ ties.T, directed=False)[1]
    return pd.factorize(joined[groups])[0].astype(np.int64)
