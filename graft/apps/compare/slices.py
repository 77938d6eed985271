"""The same difference for parts of the test pictures: each class, each value of a slice."""

from dataclasses import dataclass
from typing import Self

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from graft.apps.compare.paired import Difference, share_difference

KEYS = ("label", "labels", "group", "split")
"""Columns of labels.csv that are no slices."""

MOST = 20
"""Values of a column, or classes, beyond which there are too many to read."""

Flags = NDArray[np.bool_]
Units = NDArray[np.int64] | None


@dataclass(frozen=True, slots=True)
class Slice:
    """Some pictures: the share that A and B have right, and the difference."""

    name: str
    images: int
    a: float
    b: float
    difference: Difference

    @classmethod
    def measure(cls, name: str, before: Flags, after: Flags, of: Units) -> Self:
        """Measure some pictures.

        Args:
            before, after: whether A and B are right, `[N]`.
            of: the unit of each picture, `[N]`; see `graft.stats.intervals.units`.
        """
        number = None if of is None else np.unique(of, return_inverse=True)[1]
        difference = share_difference(before, after, number)
        return cls(name, len(before), float(before.mean()), float(after.mean()), difference)


def by_slice(
    before: Flags, after: Flags, of: Units, labels: pd.DataFrame | None, classes: pd.Series | None
) -> tuple[list[Slice], list[str]]:
    """Measure every class and every value of the slices in labels.csv; also say which columns have too many.

    Args:
        classes: the label of every picture, where each has one.
    """
    columns: dict[str, NDArray[np.str_]] = {}
    if classes is not None:
        columns["label"] = classes.to_numpy(dtype=str)
    if labels is not None:
        columns |= {name: labels[name].to_numpy(dtype=str) for name in labels.columns if name not in KEYS}
    found: list[Slice] = []
    left_out: list[str] = []
    for column, values in columns.items():
        distinct = np.unique(values)
        if len(distinct) > MOST:
            left_out.append(f"{column} has {len(distinct)} values, too many to show one by one")
            continue
        for value in distinct:
            inside = values == value
            part = None if of is None else of[inside]
            found.append(Slice.measure(f"{column}={value}", before[inside], after[inside], part))
    return found, left_out
