"""Two networks on every class and slice of the same images, and McNemar's test."""

from dataclasses import dataclass
from typing import Self

import numpy as np
import pandas as pd
from scipy.stats import binomtest

from graft.stats.paired import Difference, Flags, Units, share_difference

MAX_VALUES = 20
"""Values of a column, or classes, beyond which there are too many to read."""


@dataclass(frozen=True, slots=True)
class Slice:
    """Some images: the share that A and B classify correctly, and the difference."""

    name: str
    images: int
    a: float
    b: float
    difference: Difference

    @classmethod
    def measure(cls, name: str, correct_a: Flags, correct_b: Flags, unit: Units) -> Self:
        """Measure some images: whether each prediction is correct, and its unit, `[N]`; numbers may be left out."""
        number = None if unit is None else np.unique(unit, return_inverse=True)[1]
        difference = share_difference(correct_a, correct_b, number)
        return cls(name, len(correct_a), float(correct_a.mean()), float(correct_b.mean()), difference)


def measure_slices(
    correct_a: Flags, correct_b: Flags, unit: Units, labels: pd.DataFrame | None, classes: pd.Series | None
) -> tuple[list[Slice], list[str]]:
    """Measure every class and every value of the slices in labels.csv; also say which columns have too many.

    Args:
        labels: columns of labels.csv, in the order of the images.
        classes: the label of every image, where each has one.
    """
    columns = {} if classes is None else {"label": classes}
    if labels is not None:
        columns |= {name: labels[name] for name in labels.columns if name not in ("label", "labels", "group", "split")}
    slices, left_out = [], []
    for column, texts in columns.items():
        values = texts.to_numpy(dtype=str)
        distinct = np.unique(values)
        if len(distinct) > MAX_VALUES:
            left_out.append(f"{column} has {len(distinct)} values, too many to show one by one")
            continue
        for value in distinct:
            inside = values == value
            part = None if unit is None else unit[inside]
            slices.append(Slice.measure(f"{column}={value}", correct_a[inside], correct_b[inside], part))
    return slices, left_out


def mcnemar(gained: int, lost: int) -> float:
    """Exact two-sided p-value of McNemar's test: how often a fair coin would turn as many images one way."""
    return float(binomtest(gained, gained + lost, 0.5).pvalue) if gained + lost else 1.0
