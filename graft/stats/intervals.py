"""How far a measured figure may be off by chance: Wilson's interval, and one bootstrap of units or whole groups."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.stats import binomtest, norm, t

from graft.core.seeds import derive

LEVEL = 0.95
DRAWS = 2000
UNITS_AT_ONCE = 100_000
"""Of few units many draws are made at once, of many one, so that memory stays theirs."""

WILSON, BY_GROUP, ONE_GROUP = "Wilson", "by group", "one group"
"""How an interval was made; of one group there is none, for it says nothing of others."""


@dataclass(frozen=True, slots=True)
class Interval:
    """A 95 % confidence interval."""

    low: float
    high: float


def wilson(correct: int, count: int) -> Interval:
    """Interval of a share of independent images.

    Source: Wilson 1927, as scipy computes it.
    """
    found = binomtest(correct, count).proportion_ci(LEVEL, method="wilson")
    return Interval(float(found.low), float(found.high))


def widest(*intervals: Interval) -> Interval:
    """The interval that holds them all."""
    return Interval(min(one.low for one in intervals), max(one.high for one in intervals))


def units(groups: pd.Series) -> NDArray[np.int64] | None:
    """Number the units that are independent of each other, one number an image; None where every image is one.

    An image without a group, "", is a unit of its own.
    """
    alone = pd.Series([f"\0{number}" for number in range(len(groups))], groups.index)
    codes, names = pd.factorize(groups.where(groups != "", alone), sort=True)
    return np.asarray(codes, dtype=np.int64) if len(names) < len(groups) else None


def accuracy_interval(correct: NDArray[np.bool_], groups: pd.Series) -> tuple[Interval | None, str]:
    """Return the interval that fits the data, and how it was made: `BY_GROUP`, `WILSON`, or `ONE_GROUP` and none."""
    unit_of = units(groups)
    if unit_of is None:
        return wilson(int(correct.sum()), len(correct)), WILSON
    return (None, ONE_GROUP) if unit_of.max() == 0 else (by_group(correct, unit_of), BY_GROUP)


def by_group(correct: NDArray[np.bool_], unit_of: NDArray[np.int64]) -> Interval:
    """Interval of a share of images that come in groups, such as the cells of one module.

    No narrower than Wilson's: by chance, few groups may be more alike than images are.

    Args:
        correct, unit_of: of each image, `[N]`; as `units` numbers them, two or more.
    """
    if correct.all() or not correct.any():
        # every draw would agree, which is no certainty: count the groups as the trials
        count = int(unit_of.max()) + 1
        return wilson(count if correct.all() else 0, count)
    return widest(bootstrap_mean(correct, unit_of), wilson(int(correct.sum()), len(correct)))


def bootstrap_mean(values: NDArray[np.float64] | NDArray[np.bool_], unit_of: NDArray[np.int64]) -> Interval:
    """Interval of the mean of values whose units are drawn again, with replacement (the cluster bootstrap).

    Args:
        values, unit_of: each value and its unit, `[N]`; units are numbered from 0 on, two or more.

    Source: Field and Welsh 2007, https://doi.org/10.1111/j.1467-9868.2007.00593.x
    """
    sums = np.stack([np.bincount(unit_of, values), np.bincount(unit_of)], axis=1)
    drawn = np.concatenate([times @ sums for times in resamples(len(sums))])
    return percentile_interval(drawn[:, 0] / drawn[:, 1], len(sums))


def bootstrap(
    figures: Callable[[NDArray[np.float64]], dict[str, float]], groups: pd.Series
) -> dict[str, Interval | None]:
    """Intervals of any figures, from drawing the images again.

    Where they come in groups, whole groups are drawn too, and the wider of the two holds: by chance, few
    groups may be more alike than images are.

    Args:
        figures: what is measured when image n counts `weights[n]` times, of weights `[N]`; NaN
            where a figure has no value.
        groups: group of every image, "" where there is none.

    Returns:
        An interval for each figure; None where most draws give it no value, or all the same one,
        which would be a promise that no sample can keep, and where all images are of one group.
    """
    unit_of = units(groups)
    found = [_bootstrap_units(figures, numbers) for numbers in (np.arange(len(groups)), unit_of) if numbers is not None]
    intervals: dict[str, Interval | None] = {}
    for name in found[0]:
        known = [interval for one in found if (interval := one[name])]
        interval = widest(*known) if len(known) == len(found) else None
        intervals[name] = interval if interval and interval.low < interval.high else None
    return intervals


def _bootstrap_units(
    figures: Callable[[NDArray[np.float64]], dict[str, float]], unit_of: NDArray[np.int64]
) -> dict[str, Interval | None]:
    count = int(unit_of.max(initial=-1)) + 1
    if count == 1 < len(unit_of):
        return dict.fromkeys(figures(np.ones(len(unit_of))))
    drawn = [figures(times[unit_of].astype(np.float64)) for block in resamples(count) for times in block]
    found: dict[str, Interval | None] = {}
    for name in drawn[0]:
        values = np.asarray([draw[name] for draw in drawn])
        known = values[~np.isnan(values)]
        found[name] = percentile_interval(known, count) if 2 * len(known) >= len(values) else None
    return found


def resamples(count: int, *purpose: str) -> Iterator[NDArray[np.int64]]:
    """Yield how often each of so many units is drawn, `[B, count]`, in blocks of `DRAWS` draws in all.

    Args:
        count: how many units there are, and how many are drawn.
        purpose: names other draws than those of the figures' intervals.
    """
    generator = np.random.default_rng(derive(0, *(purpose or ("bootstrap",))))
    block = max(1, UNITS_AT_ONCE // count)
    for start in range(0, DRAWS, block):
        yield generator.multinomial(count, np.full(count, 1 / count), size=min(block, DRAWS - start))


def percentile_interval(values: NDArray[np.float64], count: int) -> Interval:
    """Interval of a figure from its values in draws of so many units, `[DRAWS]`."""
    low, high = np.quantile(values, [tail(count), 1 - tail(count)])
    return Interval(float(low), float(high))


def tail(count: int) -> float:
    """Share of the draws of so many units to leave out at either end.

    Plain quantiles are too narrow for few units, by about ``sqrt((n - 1) / n)``, and know nothing
    of Student's t: of eleven groups, a plain 95 % interval misses the truth one time in ten.

    Source: Hesterberg 2015, https://doi.org/10.1080/00031305.2015.1089789, section 4.3.
    """
    if count < 2:
        return 0.0
    far = float(t.ppf((1 + LEVEL) / 2, count - 1))
    return float(norm.cdf(-np.sqrt(count / (count - 1)) * far))
