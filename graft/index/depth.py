"""Find which values of images of more than eight bits, wide ones, are black and white, over all files of a dataset."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pandas as pd

from graft.images.depth import Depth, Range, is_wide, kind_of
from graft.index.config import Wanted

BITS = (8, 10, 12, 14, 16)
"""Depths of sensors and converters."""
DARK = 8
"""Half of the files may stay below this part of white; if they do, a few bright ones may have set it."""


@dataclass(frozen=True, slots=True)
class Found:
    """The depth of a dataset; a line for each kind of values that is wide, and what a person should look at."""

    depth: Depth
    told: list[str]
    warnings: list[str]


def find_depth(images: pd.DataFrame, wanted: Wanted) -> Found:
    """Find the depth, and add columns of the values that are ``black`` and ``white``, which images of eight bits lack.

    All whole numbers have the same, and all floating point. Where `index.depth` leaves it open, whole
    numbers from 0 on get the fewest bits that hold those of all files, and floating point from 0 on
    goes to 1, or to 255, if it stays below; all else goes from its darkest to its brightest value.

    Args:
        images: with columns mode, darkest, brightest; gets two more.
        wanted: `index.depth`.
    """
    images["black"] = images["white"] = np.nan
    ranges: dict[str, Range] = {}
    told: list[str] = []
    warnings: list[str] = []
    wide = images[images["mode"].map(is_wide).astype(bool)]
    for kind, rows in wide.groupby(wide["mode"].map(kind_of)):
        ranges[str(kind)] = black, white = _range(str(kind), rows, wanted)
        images.loc[rows.index, ["black", "white"]] = black, white
        low, high = rows["darkest"].min(), rows["brightest"].max()
        told.append(
            f"{len(rows)} pictures hold more than 8 bits, {low:g} to {high:g}: {black:g} is shown as black and "
            f"{white:g} as white, {'found over all of them' if wanted == 'auto' else 'as index.depth has it'}"
        )
        warnings += _warnings(rows, (black, white))
    if 0 < len(wide) < len(images):
        warnings.append(
            f"{len(wide)} of {len(images)} pictures hold more than 8 bits and the others do not: see in "
            "samples.png whether they look alike, and set index.depth if not"
        )
    return Found(Depth(**ranges), told, warnings)


def _range(kind: str, rows: pd.DataFrame, wanted: Wanted) -> Range:
    if isinstance(wanted, list):
        return wanted[0], wanted[1]
    if kind == "integers" and wanted != "auto":
        return 0.0, 2.0**wanted - 1
    low, high = float(rows["darkest"].min()), float(rows["brightest"].max())
    usual = [2.0**bits - 1 for bits in BITS] if kind == "integers" else [1.0, 255.0]
    return next(((0.0, top) for top in usual if low >= 0 and high <= top), (low, high))


def _warnings(rows: pd.DataFrame, depth: Range) -> Iterator[str]:
    """Say where images come out dark, as those of fewer bits do among others, and where values are lost."""
    black, white = depth
    typical = rows["brightest"].median()
    if typical < black + (white - black) / DARK:
        yield (
            f"half of the {len(rows)} pictures of more than 8 bits are nearly black, at most {typical:g} where "
            f"{white:g} is white: if the brighter ones are exceptions, set index.depth to what most of them use"
        )
    cut = int(((rows["darkest"] < black) | (rows["brightest"] > white)).sum())
    if cut:
        yield (
            f"{cut} of the {len(rows)} pictures of more than 8 bits hold values outside {black:g} to {white:g}, which "
            "are cut off: index.depth sets the range"
        )
