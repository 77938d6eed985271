"""Paired differences of two networks on the same images, with intervals of what chance alone may make.

Both classify the same images, so what is hard for one is mostly hard for the other; differences are
taken image by image, which leaves only what the two disagree on.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import brentq
from scipy.stats import norm, t

from graft.stats.intervals import LEVEL, Interval, bootstrap_mean, widest

TAIL = (1 - LEVEL) / 2

ONE_GROUP = "one group, which says nothing of others"
"""Method of an interval that holds every difference there can be."""

Flags = NDArray[np.bool_]
Values = NDArray[np.float64]
Units = NDArray[np.int64] | None
"""Number of each image's unit, such as its group, `[N]`, as `graft.stats.intervals.units` gives it; None if each
image is a unit of its own."""


@dataclass(frozen=True, slots=True)
class Difference:
    """What B has more than A, with its 95 % interval, and how that was made."""

    value: float
    low: float
    high: float
    method: str

    @property
    def is_known(self) -> bool:
        """Whether the interval says anything; that of one group does not."""
        return self.method != ONE_GROUP


def share_difference(correct_a: Flags, correct_b: Flags, unit: Units) -> Difference:
    """Difference of the shares of images that are classified correctly, `[N]`, B's less A's.

    Single images: Tango's score interval. Groups: the widest of it, of the cluster bootstrap and of
    Student's t over the groups. Each of them is too narrow somewhere: the first where images of a
    group resemble each other, the others where by chance no group, or every one, moves.
    """
    gained, lost = int((correct_b & ~correct_a).sum()), int((correct_a & ~correct_b).sum())
    independent = tango(gained, lost, len(correct_a))
    value = (gained - lost) / len(correct_a)
    if unit is None:
        return Difference(value, independent.low, independent.high, "Tango, images as independent")
    if unit.max() == 0:
        return Difference(value, -1.0, 1.0, ONE_GROUP)
    found = widest(independent, *mean_intervals(correct_b.astype(np.float64) - correct_a, unit))
    return Difference(value, max(found.low, -1.0), min(found.high, 1.0), "whole groups drawn again")


def mean_difference(values_a: Values, values_b: Values, unit: Units) -> Difference | None:
    """Difference of two means, B's less A's, by the paired bootstrap, no narrower than Student's t.

    Args:
        values_a, values_b: a figure of each image, such as its loss, `[N]`.

    Returns:
        None for a single image, or group: it says nothing of chance.
    """
    if len(values_a) < 2 or (unit is not None and unit.max() == 0):
        return None
    change = values_b - values_a
    found = widest(*mean_intervals(change, np.arange(len(change)) if unit is None else unit))
    method = "images drawn again" if unit is None else "whole groups drawn again"
    return Difference(float(change.mean()), found.low, found.high, method)


def mean_intervals(values: Values, unit: NDArray[np.int64]) -> tuple[Interval, Interval]:
    """Intervals of a mean over units that are drawn whole: bootstrap, and Student's t."""
    sums, counts = np.bincount(unit, values), np.bincount(unit).astype(np.float64)
    number, mean = len(sums), float(values.mean())
    residuals = sums - mean * counts
    error = float(np.sqrt((residuals @ residuals) * number / (number - 1))) / len(values)
    half = float(t.ppf(1 - TAIL, number - 1)) * error
    return bootstrap_mean(values, unit), Interval(mean - half, mean + half)


def tango(gained: int, lost: int, count: int) -> Interval:
    """Score interval of the difference of two shares of the same, independent images.

    Args:
        gained: images that only B classifies correctly; `lost`, only A; of `count` in all.

    Source: Tango 1998, https://doi.org/10.1002/(SICI)1097-0258(19980430)17:8<891::AID-SIM780>3.0.CO;2-B
    """
    return Interval(-_upper_limit(lost, gained, count), _upper_limit(gained, lost, count))


def _upper_limit(gained: int, lost: int, count: int) -> float:
    """The largest difference that the counts are not significantly below."""
    value = (gained - lost) / count
    if value == 1:
        return 1.0
    z = float(norm.ppf(1 - TAIL))

    def excess(difference: float) -> float:
        # the most likely share of images that only A classifies correctly, given the difference
        linear = (2 * count - gained + lost) * difference - gained - lost
        product = lost * difference * (1 - difference)
        share = (np.sqrt(max(linear**2 + 8 * count * product, 0.0)) - linear) / (4 * count)
        spread = max(count * (2 * share + difference * (1 - difference)), 0.0)
        return float(count * (difference - value) - z * np.sqrt(spread))

    # at the observed difference itself the function may touch zero, which is not the limit
    return float(brentq(excess, value + 1e-7, 1.0))
