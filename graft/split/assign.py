"""Divide labelled pictures into train, valid and test so that nothing leaks."""

from functools import partial

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from graft.errors import DataError, nearest
from graft.seeds import derive
from graft.split.draw import Rows, draw_folds, draw_groups, draw_units, tied
from graft.split.given import by_column, by_folder, by_hash
from graft.split.settings import ASIDE, NAMES, Split

SMALLEST = 3
"""A class of fewer units cannot be in all three splits: it is learnt, and not measured."""


def assign(split: Split, labels: pd.DataFrame, images: pd.DataFrame) -> pd.DataFrame:
    """Name the split of every labelled picture.

    Args:
        labels: rows of labels.csv, with the columns path, label (or labels), group and slices.
        images: sha256 and duplicate_group of each row, aligned with `labels`.

    Returns:
        Columns split ("train", "valid", "test" or "aside") and why (empty unless aside), aligned
        with `labels`.

    Raises:
        DataError: a column is absent, groups are asked for where there are none, or a split would
            be empty, or train have a single class.
    """
    copies = images["duplicate_group"]
    places = pd.Series("", index=labels.index, dtype=str)
    why = pd.Series("", index=labels.index, dtype=str)
    if split.by == "folder":
        places = by_folder(labels["path"])
        why[places == ""] = "lies in no folder called after a split, or in two that disagree"
    elif split.by == "column":
        places = by_column(labels, str(split.column))
        why[places == ""] = f"has no value in the column {split.column}"
    elif split.by == "hash":
        places = by_hash(split, labels["group"].where(labels["group"] != "", images["sha256"]))
    if split.by in ("folder", "column", "hash"):
        why[_outranked(places, copies)] = "has a copy in another split; the copy in test, else valid, stays"
        places[why != ""] = ASIDE
    drawn = _drawn(split, labels, copies, places)
    alone = _unlearnt(labels, drawn)
    why[alone] = "its class has no picture in train"
    drawn[alone] = ASIDE
    _check(labels, drawn)
    return pd.DataFrame({"split": drawn, "why": why})


def _drawn(split: Split, labels: pd.DataFrame, copies: pd.Series, places: pd.Series) -> pd.Series:
    """Draw what is not given: test from all, valid from the rest."""
    if split.by == "hash":
        return places
    places = places.replace("", "train")
    strata = _strata(split, labels)
    if split.by == "group" and (labels["group"] == "").all():
        raise DataError("split.by is 'group', but the labels have no groups; name a column or use 'random'")
    ties = [copies] + ([labels["group"]] if split.by == "group" else [])
    units = tied(ties, len(labels))
    small = pd.Series(units).isin(_small(labels, units)) if split.by == "random" else pd.Series(False, labels.index)
    for name in ("test", "valid"):
        if (places == name).any():
            continue
        free = np.flatnonzero((places == "train") & ~small.to_numpy())
        chosen = free[_hold_out(split, units[free], strata.iloc[free], name)]
        places.iloc[chosen] = name
    return places


def _hold_out(split: Split, units: Rows, strata: pd.Series, name: str) -> NDArray[np.bool_]:
    """Mask of the rows to hold out, as a share or as one of the folds."""
    draw = draw_groups if split.by == "group" else draw_units
    if name == "valid" or split.folds is None:
        share = split.valid if name == "valid" else split.test
        chosen = draw(units, strata, share, derive(split.seed, "split", name))
        if split.by == "group" and not chosen.any():
            groups = len(np.unique(units))
            raise DataError(f"split.{name}: {share:g} of {len(units)} pictures in {groups} groups cannot be held out")
        return chosen
    fold = draw_folds(draw, units, strata, split.folds, partial(derive, split.seed, "split", "fold"))
    return np.asarray(fold == split.fold, dtype=np.bool_)


def _strata(split: Split, labels: pd.DataFrame) -> pd.Series:
    columns = ["labels" if name == "label" and "labels" in labels.columns else name for name in split.stratify]
    for column in columns:
        if column not in labels.columns:
            raise DataError(f"split.stratify: labels have no column {column!r}{nearest(column, labels.columns)}")
    joined = pd.Series("", index=labels.index, dtype=str)
    for column in columns:
        joined = joined + "|" + labels[column]
    return joined


def _small(labels: pd.DataFrame, units: Rows) -> Rows:
    """Units with a picture of a class that has fewer than `SMALLEST` units."""
    if "label" not in labels.columns:
        return np.empty(0, dtype=np.int64)
    count = pd.Series(units).groupby(labels["label"].to_numpy()).nunique()
    return np.unique(units[labels["label"].isin(count.index[count < SMALLEST]).to_numpy()])


def _outranked(places: pd.Series, copies: pd.Series) -> pd.Series:
    """Mask of rows that have a copy in a split of higher rank: test before valid before train."""
    rank = places.map({name: rank for rank, name in enumerate(NAMES)}).fillna(-1)
    return (places != "") & (rank < rank.groupby(copies).transform("max"))


def _unlearnt(labels: pd.DataFrame, places: pd.Series) -> pd.Series:
    """Mask of rows in valid or test whose class train does not have."""
    if "label" not in labels.columns:
        return pd.Series(False, index=labels.index)
    learnt = labels.loc[places == "train", "label"].unique()
    return places.isin(["valid", "test"]) & ~labels["label"].isin(learnt)


def _check(labels: pd.DataFrame, places: pd.Series) -> None:
    counts = {name: int((places == name).sum()) for name in NAMES}
    for name, count in counts.items():
        if not count:
            shown = ", ".join(f"{number} {other}" for other, number in counts.items())
            raise DataError(
                f"split: no picture is left for {name} ({shown}); change the shares, or bring more pictures"
            )
    if "label" in labels.columns and (classes := labels.loc[places == "train", "label"].unique()).size < 2:
        raise DataError(f"split: train has a single class, {classes[0]!r}; at least two are needed")
