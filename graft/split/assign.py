"""Divide labelled pictures into train, valid and test so that nothing leaks.

The unit that moves is never a picture but a *unit*: all pictures tied together by sharing a
duplicate group or, when splitting by group, a group. So a picture and its copy, or two cells of one
module, always land on the same side.
"""

from typing import Literal

import numpy as np
import pandas as pd
from pydantic import Field
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components
from sklearn.model_selection import train_test_split

from graft.errors import DataError, nearest
from graft.params import Section, Seed
from graft.seeds import derive

NAMES = ("train", "valid", "test")

DRAWS = 1_000_000
"""Draws of whole groups to choose among, times groups: with many groups any draw is near the mixture."""


class Split(Section):
    """How pictures are divided."""

    by: Literal["random", "group"]
    """``random``: stratified, exact counts; ``group``: whole groups, stratified as well as they allow."""
    test: float = Field(gt=0, lt=1)
    """Share of all pictures held out for `evaluate`."""
    valid: float = Field(gt=0, lt=1)
    """Share of the rest held out to choose by: epochs, head or finetuned network."""
    stratify: list[str] = ["label"]
    """Columns of labels.csv whose mixture each split should share."""
    seed: Seed = 0
    """Draws the split; apart from the top-level seed, so that a retraining keeps the test set."""


def assign(split: Split, labels: pd.DataFrame, duplicate_groups: pd.Series) -> pd.Series:
    """Name the split of every labelled picture.

    Args:
        labels: rows of labels.csv, with the columns path, label, group and slices.
        duplicate_groups: the duplicate group of each row, aligned with `labels`.

    Returns:
        Series of "train", "valid" or "test", aligned with `labels`.

    Raises:
        DataError: a column to stratify by is absent, groups are asked for where there are none,
            or there are too few units to fill three splits with every stratum.
    """
    for column in split.stratify:
        if column not in labels.columns:
            hint = nearest(column, labels.columns)
            raise DataError(f"split.stratify: labels have no column {column!r}{hint}")
    if split.by == "group" and (labels["group"] == "").all():
        raise DataError("split.by is 'group', but the labels have no groups; name a column or use 'random'")
    ties = [duplicate_groups] + ([labels["group"]] if split.by == "group" else [])
    units = _units(ties, len(labels))
    strata = labels[split.stratify].agg("|".join, axis=1)
    held_out = _hold_out(split, units, strata, split.test, "test")
    rest = np.flatnonzero(~held_out)
    chosen = _hold_out(split, units[rest], strata.iloc[rest], split.valid, "valid")
    names = np.full(len(labels), "train", dtype=object)
    names[held_out] = "test"
    names[rest[chosen]] = "valid"
    return pd.Series(names, index=labels.index, name="split")


def _units(ties: list[pd.Series], count: int) -> np.ndarray:
    """Number the connected components of pictures tied by any shared value.

    An empty text ties nothing.
    """
    rows, columns, offset = [], [], count
    for tie in ties:
        codes, values = pd.factorize(tie)
        tied = np.flatnonzero(np.asarray(tie) != "")
        rows.append(tied)
        columns.append(codes[tied] + offset)
        offset += len(values)
    row, column = np.concatenate(rows), np.concatenate(columns)
    graph = coo_array((np.ones(len(row), dtype=np.int8), (row, column)), shape=(offset, offset))
    return connected_components(graph, directed=False)[1][:count]


def _hold_out(split: Split, units: np.ndarray, strata: pd.Series, share: float, name: str) -> np.ndarray:
    """Choose the rows to hold out, as a boolean mask."""
    try:
        if split.by == "random":
            chosen = _random_units(units, strata, share, derive(split.seed, "split", name))
        else:
            chosen = _whole_groups(units, strata, share, derive(split.seed, "split", name))
    except ValueError as error:
        raise DataError(f"split.{name}: {share:g} of {len(units)} pictures cannot be held out: {error}") from error
    mask = np.zeros(len(units), dtype=bool)
    mask[chosen] = True
    return mask


def _random_units(units: np.ndarray, strata: pd.Series, share: float, seed: int) -> np.ndarray:
    """Draw units stratified by the stratum of their first picture; exact when no unit has two."""
    names, first = np.unique(units, return_index=True)
    order = np.arange(len(names))
    size = round(share * len(names))
    _, drawn = train_test_split(order, test_size=size, stratify=strata.to_numpy()[first], random_state=seed % 2**32)
    return np.flatnonzero(np.isin(units, names[drawn]))


def _whole_groups(units: np.ndarray, strata: pd.Series, share: float, seed: int) -> np.ndarray:
    """Draw whole groups: of many random draws, the one whose mixture is nearest to that of all.

    Filling splits greedily from the largest or most lopsided group would put the same hard groups
    on the same side whatever the seed; drawing first and choosing among draws does not.

    Raises:
        ValueError: every draw holds out nothing, or everything.
    """
    names, unit = np.unique(units, return_inverse=True)
    stratum, kinds = pd.factorize(strata)
    counts = np.zeros((len(names), len(kinds)))
    np.add.at(counts, (unit, stratum), 1)
    target = share * counts.sum(0)
    sizes = counts.sum(1)
    generator = np.random.default_rng(seed)
    best, least = np.empty(0, dtype=np.int64), np.inf
    for _ in range(int(np.clip(DRAWS / len(names), 1, 2000))):
        order = generator.permutation(len(names))
        end = int(np.abs(sizes[order].cumsum() - target.sum()).argmin()) + 1
        miss = np.abs(counts[order[:end]].sum(0) - target).sum()
        if end < len(names) and miss < least:
            best, least = order[:end], miss
    if not len(best):
        raise ValueError(f"{len(names)} groups are too few")
    return np.flatnonzero(np.isin(unit, best))
