"""How far a measured share may be off by chance."""

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.stats import binomtest

from graft.seeds import derive

LEVEL = 0.95
DRAWS = 2000


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


def by_group(right: NDArray[np.bool_], groups: pd.Series, seed: int) -> Interval:
    """Interval of a share of pictures that come in groups, such as the cells of one module.

    Pictures of a group resemble each other, so whole groups are drawn again, with replacement
    (the cluster bootstrap); drawing single pictures would promise too much.

    Source: Field and Welsh 2007, https://doi.org/10.1111/j.1467-9868.2007.00593.x
    """
    sums = pd.DataFrame({"right": right, "count": 1}).groupby(groups.to_numpy()).sum().to_numpy()
    if right.all() or not right.any():
        # every draw would agree, which is no certainty: count the groups as the trials
        return wilson(len(sums) if right.all() else 0, len(sums))
    generator = np.random.default_rng(derive(seed, "bootstrap"))
    # how often each group is drawn, one draw at a time: memory stays that of the groups
    times = (generator.multinomial(len(sums), np.full(len(sums), 1 / len(sums))) for _ in range(DRAWS))
    drawn = np.asarray([count @ sums for count in times])
    tail = (1 - LEVEL) / 2
    low, high = np.quantile(drawn[:, 0] / drawn[:, 1], [tail, 1 - tail])
    return Interval(float(low), float(high))


def accuracy_interval(right: NDArray[np.bool_], groups: pd.Series, seed: int = 0) -> tuple[Interval, str]:
    """Return the interval that fits the data, and how it was made: ``by group`` or ``Wilson``.

    Groups count when there are at least two and some hold more than one picture.
    """
    named = groups[groups != ""]
    if 1 < named.nunique() < len(groups) and len(named) == len(groups):
        return by_group(right, groups, seed), "by group"
    return wilson(int(right.sum()), len(right)), "Wilson"
