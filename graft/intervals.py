"""How far a measured figure may be off by chance."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.stats import binomtest, norm, t

from graft.seeds import derive

LEVEL = 0.95
DRAWS = 2000
ENOUGH = 0.5
"""Share of the draws in which a figure must have a value for its interval to have one."""


@dataclass(frozen=True, slots=True)
class Interval:
    """A 95 % confidence interval."""

    low: float
    high: float


def wilson(right: int, count: int) -> Interval:
    """Interval of a share of independent pictures.

    Source: Wilson 1927, as scipy computes it.
    """
    found = binomtest(right, count).proportion_ci(LEVEL, method="wilson")
    return Interval(float(found.low), float(found.high))


def in_groups(groups: pd.Series) -> bool:
    """Whether every picture has a group, there are at least two, and some hold more than one picture."""
    return bool((groups != "").all() and 1 < groups.nunique() < len(groups))


def by_group(right: NDArray[np.bool_], groups: pd.Series, seed: int) -> Interval:
    """Interval of a share of pictures that come in groups, such as the cells of one module.

    Pictures of a group resemble each other, so whole groups are drawn again, with replacement
    (the cluster bootstrap); drawing single pictures would promise too much. No narrower than
    Wilson's: by chance, few groups may be more alike than pictures are.

    Source: Field and Welsh 2007, https://doi.org/10.1111/j.1467-9868.2007.00593.x
    """
    sums = pd.DataFrame({"right": right, "count": 1}).groupby(groups.to_numpy()).sum().to_numpy()
    if right.all() or not right.any():
        # every draw would agree, which is no certainty: count the groups as the trials
        return wilson(len(sums) if right.all() else 0, len(sums))
    drawn = np.asarray([count @ sums for count in _draws(len(sums), seed)])
    found, alone = _middle(drawn[:, 0] / drawn[:, 1], len(sums)), wilson(int(right.sum()), len(right))
    return Interval(min(found.low, alone.low), max(found.high, alone.high))


def accuracy_interval(right: NDArray[np.bool_], groups: pd.Series, seed: int = 0) -> tuple[Interval, str]:
    """Return the interval that fits the data, and how it was made: ``by group`` or ``Wilson``."""
    if in_groups(groups):
        return by_group(right, groups, seed), "by group"
    return wilson(int(right.sum()), len(right)), "Wilson"


def bootstrap(
    figures: Callable[[NDArray[np.float64]], dict[str, float]], groups: pd.Series, seed: int = 0
) -> dict[str, Interval | None]:
    """Intervals of any figures, from drawing the pictures, or their groups where they have any, again.

    Args:
        figures: what is measured when picture n counts `weights[n]` times, of weights `[N]`; NaN
            where a figure has no value.
        groups: unit of every picture, "" where there is none.

    Returns:
        An interval for each figure; None where most draws give it no value, or all the same one,
        which would be a promise that no sample can keep.
    """
    unit = pd.factorize(groups, sort=True)[0] if in_groups(groups) else np.arange(len(groups))
    units = int(unit.max(initial=-1)) + 1
    drawn = [figures(count[unit].astype(np.float64)) for count in _draws(units, seed)]
    return {name: _spread(np.asarray([draw[name] for draw in drawn]), units) for name in drawn[0]}


def tail(units: int) -> float:
    """Share of the draws of so many units to leave out at either end.

    Plain quantiles are too narrow for few units, by about ``sqrt((n - 1) / n)``, and know nothing
    of Student's t: of eleven groups, a plain 95 % interval misses the truth one time in ten.

    Source: Hesterberg 2015, https://doi.org/10.1080/00031305.2015.1089789, section 4.3.
    """
    if units < 2:
        return 0.0
    far = float(t.ppf((1 + LEVEL) / 2, units - 1))
    return float(norm.cdf(-np.sqrt(units / (units - 1)) * far))


def _draws(units: int, seed: int) -> Iterator[NDArray[np.int64]]:
    """How often each unit is drawn, `[units]`, one draw at a time: memory stays that of the units."""
    generator = np.random.default_rng(derive(seed, "bootstrap"))
    return (generator.multinomial(units, np.full(units, 1 / units)) for _ in range(DRAWS))


def _spread(values: NDArray[np.float64], units: int) -> Interval | None:
    told = values[~np.isnan(values)]
    return None if len(told) < ENOUGH * len(values) or np.ptp(told) == 0 else _middle(told, units)


def _middle(values: NDArray[np.float64], units: int) -> Interval:
    low, high = np.quantile(values, [tail(units), 1 - tail(units)])
    return Interval(float(low), float(high))
