"""Two networks on the same pictures: how far apart they are, and how far chance alone may put them.

Both answer the same pictures, so what is hard for one is mostly hard for the other; differences are
taken picture by picture, which leaves only what the two disagree on.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import brentq
from scipy.stats import binomtest, norm, t

from graft.core.seeds import derive
from graft.stats.intervals import DRAWS, LEVEL, Interval, tail, widest

TAIL = (1 - LEVEL) / 2

AT_ONCE = 100_000
"""Units drawn in one go."""

ONE_GROUP = "one group, which says nothing of others"
"""Method of an interval that holds every difference there can be."""

Values = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Difference:
    """What B has more than A, with its 95 % interval, and how that was made."""

    value: float
    low: float
    high: float
    method: str


def share_difference(before: NDArray[np.bool_], after: NDArray[np.bool_], of: NDArray[np.int64] | None) -> Difference:
    """Difference of the shares of pictures that are right, B's less A's.

    Single pictures: Tango's score interval. Groups: the widest of it, of the cluster bootstrap and of
    Student's t over the groups. Each of them is too narrow somewhere: the first where pictures of a
    group resemble each other, the others where by chance no group, or every one, moves.

    Args:
        before, after: whether A and B are right, `[N]`.
        of: the unit of each picture, as `graft.stats.intervals.units` numbers them.
    """
    gained, lost = int((after & ~before).sum()), int((before & ~after).sum())
    alone = tango(gained, lost, len(before))
    value = (gained - lost) / len(before)
    if of is None:
        return Difference(value, alone.low, alone.high, "Tango, pictures as independent")
    if of.max() == 0:
        return Difference(value, -1.0, 1.0, ONE_GROUP)
    found = widest(alone, *by_unit(after.astype(np.float64) - before, of))
    return Difference(value, max(found.low, -1.0), min(found.high, 1.0), "whole groups drawn again")


def mean_difference(before: Values, after: Values, of: NDArray[np.int64] | None) -> Difference | None:
    """Difference of two means, B's less A's, by the paired bootstrap, no narrower than Student's t.

    Args:
        before, after: a figure of each picture, such as its loss, `[N]`.
        of: the unit of each picture, as `graft.stats.intervals.units` numbers them.

    Returns:
        None for a single picture, or group: it says nothing of chance.
    """
    if len(before) < 2 or (of is not None and of.max() == 0):
        return None
    single = of is None
    found = widest(*by_unit(after - before, np.arange(len(before)) if of is None else of))
    method = "pictures drawn again" if single else "whole groups drawn again"
    return Difference(float((after - before).mean()), found.low, found.high, method)


def by_unit(values: Values, of: NDArray[np.int64]) -> tuple[Interval, Interval]:
    """Intervals of a mean over units that are drawn whole: bootstrap, and Student's t.

    The bootstrap takes quantiles farther out the fewer the units are (`graft.stats.intervals.tail`).

    Source: Field and Welsh 2007, https://doi.org/10.1111/j.1467-9868.2007.00593.x
    """
    sums, counts = np.bincount(of, values), np.bincount(of).astype(np.float64)
    number, mean = len(sums), float(values.mean())
    far = float(t.ppf(1 - TAIL, number - 1))
    apart = sums - mean * counts
    half = far * float(np.sqrt((apart @ apart) * number / (number - 1))) / len(values)

    generator = np.random.default_rng(derive(0, "compare"))
    # some draws at a time: of few units all of them, of many one, so that memory stays theirs
    block = max(1, AT_ONCE // number)
    means = np.empty(DRAWS)
    for start in range(0, DRAWS, block):
        draws = generator.integers(0, number, (len(means[start : start + block]), number))
        means[start : start + block] = sums[draws].sum(1) / counts[draws].sum(1)
    low, high = np.quantile(means, [tail(number), 1 - tail(number)])
    return Interval(float(low), float(high)), Interval(mean - half, mean + half)


def tango(gained: int, lost: int, count: int) -> Interval:
    """Score interval of the difference of two shares of the same, independent pictures.

    Args:
        gained: pictures that only B has right; `lost`, only A; of `count` in all.

    Source: Tango 1998, https://doi.org/10.1002/(SICI)1097-0258(19980430)17:8<891::AID-SIM780>3.0.CO;2-B
    """
    return Interval(-_limit(lost, gained, count), _limit(gained, lost, count))


def _limit(gained: int, lost: int, count: int) -> float:
    """Upper limit: the largest difference that the counts are not significantly below."""
    value = (gained - lost) / count
    if value == 1:
        return 1.0
    z = float(norm.ppf(1 - TAIL))

    def beyond(difference: float) -> float:
        # the most likely share of pictures that only A has right, given the difference
        linear = (2 * count - gained + lost) * difference - gained - lost
        product = lost * difference * (1 - difference)
        share = (np.sqrt(max(linear**2 + 8 * count * product, 0.0)) - linear) / (4 * count)
        spread = max(count * (2 * share + difference * (1 - difference)), 0.0)
        return float(count * (difference - value) - z * np.sqrt(spread))

    # at the observed difference itself the function may touch zero, which is not the limit
    return float(brentq(beyond, value + 1e-7, 1.0))


def mcnemar(gained: int, lost: int) -> float:
    """Exact two-sided p-value of McNemar's test: how often a fair coin would turn as many pictures one way."""
    return float(binomtest(gained, gained + lost, 0.5).pvalue) if gained + lost else 1.0
