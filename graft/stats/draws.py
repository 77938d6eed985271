"""Draw a share of the images, never one by one but by units or whole groups of images that are tied together."""

from collections.abc import Callable, Sequence

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

Rows = NDArray[np.int64]

DRAWS = 1_000_000
"""Draws of whole groups to choose among, times groups: with many groups any draw is near the mixture."""


def tied_units(ties: Sequence[pd.Series], count: int) -> Rows:
    """Number the connected components of rows that share a value in any of some columns, `[N]`.

    An empty text ties nothing.
    """
    rows, columns, offset = [], [], count
    for tie in ties:
        codes, values = pd.factorize(tie)
        rows.append(np.flatnonzero(np.asarray(tie) != ""))
        columns.append(codes[rows[-1]] + offset)
        offset += len(values)
    row, column = np.concatenate(rows), np.concatenate(columns)
    graph = coo_array((np.ones(len(row), dtype=np.int8), (row, column)), shape=(offset, offset))
    return np.asarray(connected_components(graph, directed=False)[1][:count], dtype=np.int64)


def draw_units(units: Rows, strata: pd.Series, share: float, seed: int) -> NDArray[np.bool_]:
    """Draw a share of the units, exact in number and, to within one, in each stratum.

    A unit's stratum is that of its first row. Strata get their whole parts first and the rest goes
    to the largest remainders, drawn among equals.

    Returns:
        Mask of the rows drawn, `[N]`.
    """
    names, first, unit = np.unique(units, return_index=True, return_inverse=True)
    stratum, kinds = pd.factorize(strata.to_numpy()[first])
    generator = np.random.default_rng(seed)
    order = generator.permutation(len(names))
    wanted = share * np.bincount(stratum, minlength=len(kinds))
    quota = np.floor(wanted).astype(np.int64)
    left = round(share * len(names)) - quota.sum()
    remainder = wanted - quota + 1e-6 * generator.random(len(kinds))  # equals in the order of chance
    quota[np.argsort(-remainder)[:left]] += 1
    rank = pd.Series(stratum[order]).groupby(stratum[order]).cumcount().to_numpy()  # within the stratum
    drawn = np.zeros(len(names), dtype=bool)
    drawn[order] = rank < quota[stratum[order]]
    return np.asarray(drawn[unit], dtype=np.bool_)


def draw_groups(units: Rows, strata: pd.Series, share: float, seed: int, max_draws: int = 2000) -> NDArray[np.bool_]:
    """Draw whole groups: of many random draws, the one whose mixture is nearest to that of all.

    Filling splits greedily from the largest or most lopsided group would put the same hard groups
    on the same side whatever the seed; drawing first and choosing among draws does not.

    With few `max_draws`, other seeds give other groups more often.

    Returns:
        Mask of the rows drawn, `[N]`; all false when every draw would take nothing, or everything.
    """
    names, unit = np.unique(units, return_inverse=True)
    stratum, kinds = pd.factorize(strata)
    counts = np.zeros((len(names), len(kinds)))
    np.add.at(counts, (unit, stratum), 1)
    target = share * counts.sum(0)
    sizes = counts.sum(1)
    generator = np.random.default_rng(seed)
    best, least = np.empty(0, dtype=np.int64), np.inf
    for _ in range(int(np.clip(DRAWS / len(names), 1, max_draws))):
        order = generator.permutation(len(names))
        end = int(np.abs(sizes[order].cumsum() - target.sum()).argmin()) + 1
        miss = np.abs(counts[order[:end]].sum(0) - target).sum()
        if end < len(names) and miss < least:
            best, least = order[:end], miss
    return np.isin(unit, best)


def draw_folds(
    draw: Callable[[Rows, pd.Series, float, int], NDArray[np.bool_]],
    units: Rows,
    strata: pd.Series,
    folds: int,
    seed: Callable[[int], int],
) -> Rows:
    """Draw so many folds, `[N]`, by `draw_units` or `draw_groups`: fold after fold off what is left.

    They are disjoint and cover all; with very few groups some are empty. Each fold is drawn with a seed of its own.
    """
    fold, rest = np.full(len(units), folds - 1, dtype=np.int64), np.arange(len(units))
    for number in range(folds - 1):
        chosen = draw(units[rest], strata.iloc[rest], 1 / (folds - number), seed(number))
        fold[rest[chosen]] = number
        rest = rest[~chosen]
    return fold
