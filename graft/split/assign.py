"""Divide labelled pictures into train, valid and test so that nothing leaks."""

from functools import partial

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from graft.core.errors import DataError, nearest
from graft.core.seeds import derive
from graft.data.dataset import EXCLUDED, LABEL_DELIMITER, SPLITS, is_multi_label, label_column
from graft.split.config import Split
from graft.split.predefined import by_column, by_folder, by_hash
from graft.stats.draws import Rows, draw_folds, draw_groups, draw_units, tied


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
        places[why != ""] = EXCLUDED
    drawn = _drawn(split, labels, copies, places)
    alone = _unlearnt(labels, drawn)
    why[alone] = "its class has no picture in train"
    drawn[alone] = EXCLUDED
    _check(labels, drawn)
    return pd.DataFrame({"split": drawn, "why": why})


def _drawn(split: Split, labels: pd.DataFrame, copies: pd.Series, places: pd.Series) -> pd.Series:
    """Draw what is not given: test from all, valid from the rest."""
    if split.by == "hash":
        return places
    places = places.replace("", "train")
    strata = _strata(split, labels)
    grouped = split.by != "random" and bool((labels["group"] != "").any())
    if split.by == "group" and not grouped:
        raise DataError("split.by is 'group', but the labels have no groups; name a column or use 'random'")
    ties = [copies] + ([labels["group"]] if grouped else [])
    units = tied(ties, len(labels))
    wanted = [name for name in ("test", "valid") if not (places == name).any()]
    small = np.zeros(len(labels), dtype=np.bool_)
    for parts, name in zip(range(len(wanted) + 1, 1, -1), wanted, strict=True):
        left = np.flatnonzero(places == "train")
        small |= np.isin(units, _small(labels.iloc[left], units[left], parts))
        free = left[~small[left]]
        if grouped and not len(free):
            told = f"{len(left)} pictures in {len(np.unique(units[left]))} groups"
            raise DataError(
                f"split.{name}: of {told} none can be held out: each group has a class that fewer than {parts} have"
            )
        chosen = free[_hold_out(split, units[free], strata.iloc[free], name, grouped)]
        places.iloc[chosen] = name
    return places


def _hold_out(split: Split, units: Rows, strata: pd.Series, name: str, grouped: bool) -> NDArray[np.bool_]:
    """Mask of the rows to hold out, as a share or as one of the folds."""
    draw = draw_groups if grouped else draw_units
    if name == "valid" or split.folds is None:
        share = split.valid if name == "valid" else split.test
        chosen = draw(units, strata, share, derive(split.seed, "split", name))
        if grouped and not chosen.any():
            groups = len(np.unique(units))
            raise DataError(f"split.{name}: {share:g} of {len(units)} pictures in {groups} groups cannot be held out")
        return chosen
    fold = draw_folds(draw, units, strata, split.folds, partial(derive, split.seed, "split", "fold"))
    return np.asarray(fold == split.fold, dtype=np.bool_)


def _strata(split: Split, labels: pd.DataFrame) -> pd.Series:
    columns = [str(label_column(labels).name) if name == "label" else name for name in split.stratify]
    for column in columns:
        if column not in labels.columns:
            raise DataError(f"split.stratify: labels have no column {column!r}{nearest(column, labels.columns)}")
    joined = pd.Series("", index=labels.index, dtype=str)
    for column in columns:
        joined = joined + "|" + labels[column]
    return joined


def _small(labels: pd.DataFrame, units: Rows, parts: int) -> Rows:
    """Units with a picture of a class of fewer units than there are parts: it is learnt, and not measured."""
    names = label_column(labels)
    if is_multi_label(labels):
        names = names.str.split(LABEL_DELIMITER, regex=False).explode()
    held = pd.DataFrame({"name": names.to_numpy(), "unit": pd.Series(units, labels.index).loc[names.index].to_numpy()})
    held = held[held["name"] != ""]
    return held.loc[held.groupby("name")["unit"].transform("nunique") < parts, "unit"].unique()


def _outranked(places: pd.Series, copies: pd.Series) -> pd.Series:
    """Mask of rows that have a copy in a split of higher rank: test before valid before train."""
    rank = places.map({name: rank for rank, name in enumerate(SPLITS)}).fillna(-1)
    return (places != "") & (rank < rank.groupby(copies).transform("max"))


def _unlearnt(labels: pd.DataFrame, places: pd.Series) -> pd.Series:
    """Mask of rows in valid or test whose class train does not have."""
    if is_multi_label(labels):
        return pd.Series(False, index=labels.index)
    learnt = labels.loc[places == "train", "label"].unique()
    return places.isin(["valid", "test"]) & ~labels["label"].isin(learnt)


def _check(labels: pd.DataFrame, places: pd.Series) -> None:
    counts = {name: int((places == name).sum()) for name in SPLITS}
    for name, count in counts.items():
        if not count:
            shown = ", ".join(f"{number} {other}" for other, number in counts.items())
            raise DataError(
                f"split: no picture is left for {name} ({shown}); change the shares, or bring more pictures"
            )
    if not is_multi_label(labels) and (classes := labels.loc[places == "train", "label"].unique()).size < 2:
        raise DataError(f"split: train has a single class, {classes[0]!r}; at least two are needed")
