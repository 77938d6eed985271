"""Divide labelled images into train, valid and test so that nothing leaks."""

import hashlib
from functools import partial

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from graft.core.errors import DataError, nearest
from graft.core.seeds import derive
from graft.data.dataset import EXCLUDED, SPLIT_ALIASES, SPLITS, class_names, is_multi_label, label_column
from graft.data.folders import around, split_folders
from graft.split.config import Split
from graft.stats.draws import Rows, draw_folds, draw_groups, draw_units, tied_units

_ALIASES = ", ".join(sorted(SPLIT_ALIASES))


def assign(config: Split, labels: pd.DataFrame, images: pd.DataFrame) -> pd.DataFrame:
    """Name the split of every labelled image.

    Args:
        config: how to divide.
        labels: rows of labels.csv, with the columns path, label (or labels), group and slices.
        images: sha256 and duplicate_group of each row, aligned with `labels`.

    Returns:
        Columns split (a name of `SPLITS`, or "excluded") and reason (empty unless excluded), aligned with `labels`.

    Raises:
        DataError: a column is absent, groups are asked for where there are none, no image has a label, or a split
            would be empty, or train have a single class.
    """
    if labels.empty:
        raise DataError("split: no picture has a label yet; give some with `graft label`, then run `dvc repro`")
    copies = images["duplicate_group"]
    splits = pd.Series("", index=labels.index, dtype=str)
    reasons = pd.Series("", index=labels.index, dtype=str)
    if config.by == "folder":
        splits = by_folder(labels["path"])
        reasons[splits == ""] = "lies in no folder called after a split, or in two that disagree"
    elif config.by == "column":
        splits = by_column(labels, str(config.column))
        reasons[splits == ""] = f"has no value in the column {config.column}"
    elif config.by == "hash":
        splits = by_hash(config, labels["group"].where(labels["group"] != "", images["sha256"]))
    if config.by in ("folder", "column", "hash"):
        reasons[_outranked(splits, copies)] = "has a copy in another split; the copy in test, else valid, stays"
        splits[reasons != ""] = EXCLUDED
    if config.by != "hash":
        splits = _draw(config, labels, copies, splits)
    lacking = _lacking_in_train(labels, splits)
    reasons[lacking] = "its class has no picture in train"
    splits[lacking] = EXCLUDED
    _check(labels, splits)
    return pd.DataFrame({"split": splits, "reason": reasons})


def by_folder(paths: pd.Series) -> pd.Series:
    """Split of every path by the folders it lies in; empty where none is called after a split, or two disagree.

    Raises:
        DataError: no folder is called after a split.
    """
    split_of = split_folders(paths)
    named = []
    for path in paths:
        folders = [*around(path.rpartition("/")[0])]
        lasts = [folder.rpartition("/")[2].lower() for folder in folders]
        # one beside folders that are none may be a class, and counts only where nothing else does
        alone = {SPLIT_ALIASES[name] for name in lasts if name in SPLIT_ALIASES}
        named.append({split_of[folder] for folder in folders if folder in split_of} or alone)
    splits = [found.pop() if len(found) == 1 else "" for found in named]
    if not any(splits):
        example = f"the first picture is {paths.iloc[0]!r}"
        raise DataError(f"split.by is 'folder', but no folder is called {_ALIASES}; {example}")
    return pd.Series(splits, index=paths.index, dtype=str)


def by_column(labels: pd.DataFrame, column: str) -> pd.Series:
    """Split of every row by the value of a column; empty where that is empty.

    Raises:
        DataError: there is no such column, or a value is no name of a split.
    """
    if column not in labels.columns:
        columns = [name for name in labels.columns if name != "path"]
        raise DataError(
            f"split.column: labels have no column {column!r}{nearest(column, columns)}; they have {', '.join(columns)}"
        )
    values = labels[column].str.lower()
    for value in values.unique():
        if value not in SPLIT_ALIASES and value != "":
            raise DataError(f"split.column: {column} has the value {value!r}, which is none of {_ALIASES}")
    return values.map(SPLIT_ALIASES).fillna("")


def by_hash(config: Split, keys: pd.Series) -> pd.Series:
    """Split of every key by its own digest: a part for test, another for valid, whose shares are apart so."""
    digests = [hashlib.sha256(f"{config.seed}/{key}".encode()).digest() for key in keys]
    # uniform from 0 to below 1
    one, other = (
        np.asarray([int.from_bytes(digest[part], "big") / 2**48 for digest in digests])
        for part in (slice(0, 6), slice(6, 12))
    )
    test = one < config.test if config.folds is None else np.floor(one * config.folds) == config.fold
    splits = np.where(test, "test", np.where(other < config.valid, "valid", "train"))
    return pd.Series(splits, index=keys.index, dtype=str)


def _draw(config: Split, labels: pd.DataFrame, copies: pd.Series, splits: pd.Series) -> pd.Series:
    """Draw what is not given: test from all, valid from the rest."""
    splits = splits.replace("", "train")
    strata = _strata(config, labels)
    grouped = config.by != "random" and bool((labels["group"] != "").any())
    if config.by == "group" and not grouped:
        raise DataError("split.by is 'group', but the labels have no groups; name a column or use 'random'")
    units = tied_units([copies] + ([labels["group"]] if grouped else []), len(labels))
    missing = [name for name in ("test", "valid") if not (splits == name).any()]
    small = np.zeros(len(labels), dtype=np.bool_)
    for parts, name in zip(range(len(missing) + 1, 1, -1), missing, strict=True):
        left = np.flatnonzero(splits == "train")
        small |= np.isin(units, _units_of_small_classes(labels.iloc[left], units[left], parts))
        free = left[~small[left]]
        if grouped and not len(free):
            counts = f"{len(left)} pictures in {len(np.unique(units[left]))} groups"
            raise DataError(
                f"split.{name}: of {counts} none can be held out: each group has a class that fewer than {parts} have"
            )
        splits.iloc[free[_hold_out(config, units[free], strata.iloc[free], name, grouped)]] = name
    return splits


def _hold_out(config: Split, units: Rows, strata: pd.Series, name: str, grouped: bool) -> NDArray[np.bool_]:
    """Mask of the rows to hold out, as a share or as one of the folds."""
    draw = draw_groups if grouped else draw_units
    if name == "valid" or config.folds is None:
        share = config.valid if name == "valid" else config.test
        chosen = draw(units, strata, share, derive(config.seed, "split", name))
        if grouped and not chosen.any():
            groups = len(np.unique(units))
            raise DataError(f"split.{name}: {share:g} of {len(units)} pictures in {groups} groups cannot be held out")
        return chosen
    fold = draw_folds(draw, units, strata, config.folds, partial(derive, config.seed, "split", "fold"))
    return np.asarray(fold == config.fold, dtype=np.bool_)


def _strata(config: Split, labels: pd.DataFrame) -> pd.Series:
    joined = pd.Series("", index=labels.index, dtype=str)
    for name in config.stratify:
        column = str(label_column(labels).name) if name == "label" else name
        if column not in labels.columns:
            raise DataError(f"split.stratify: labels have no column {column!r}{nearest(column, labels.columns)}")
        joined = joined + "|" + labels[column]
    return joined


def _units_of_small_classes(labels: pd.DataFrame, units: Rows, parts: int) -> Rows:
    """Units with an image of a class of fewer units than there are parts: it is learnt, and not measured."""
    names = class_names(labels.set_axis(units))
    held = names[names != ""].rename_axis("unit").reset_index(name="name")
    return held.loc[held.groupby("name")["unit"].transform("nunique") < parts, "unit"].unique()


def _outranked(splits: pd.Series, copies: pd.Series) -> pd.Series:
    """Mask of rows that have a copy in a split of higher rank: test before valid before train."""
    rank = splits.map({name: rank for rank, name in enumerate(SPLITS)}).fillna(-1)
    return (splits != "") & (rank < rank.groupby(copies).transform("max"))


def _lacking_in_train(labels: pd.DataFrame, splits: pd.Series) -> pd.Series:
    """Mask of rows in valid or test whose class train does not have."""
    if is_multi_label(labels):
        return pd.Series(False, index=labels.index)
    learnt = labels.loc[splits == "train", "label"].unique()
    return splits.isin(["valid", "test"]) & ~labels["label"].isin(learnt)


def _check(labels: pd.DataFrame, splits: pd.Series) -> None:
    counts = splits.value_counts().reindex(SPLITS, fill_value=0)
    if not counts.all():
        shown = f"{counts.idxmin()} ({', '.join(f'{count} {name}' for name, count in counts.items())})"
        raise DataError(f"split: no picture is left for {shown}; change the shares, or bring more pictures")
    if not is_multi_label(labels) and (classes := labels.loc[splits == "train", "label"].unique()).size < 2:
        raise DataError(f"split: train has a single class, {classes[0]!r}; at least two are needed")
