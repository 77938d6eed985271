"""Splits that are given: by the folders of the paths, by a column, or by each picture's own content."""

import hashlib
from pathlib import PurePosixPath

import numpy as np
import pandas as pd

from graft.core.errors import DataError, nearest
from graft.labels.rules import PLACE
from graft.split.config import Split


def by_folder(paths: pd.Series) -> pd.Series:
    """Place of every path by the folders it lies in; empty where none is called after a split, or two disagree.

    Raises:
        DataError: no folder is called after a split.
    """
    named = [
        {PLACE[part.lower()] for part in PurePosixPath(path).parts[:-1] if part.lower() in PLACE} for path in paths
    ]
    places = [found.pop() if len(found) == 1 else "" for found in named]
    if not any(places):
        raise DataError(
            f"split.by is 'folder', but no folder is called {_names()}; the first picture is {paths.iloc[0]!r}"
        )
    return pd.Series(places, index=paths.index, dtype=str)


def by_column(labels: pd.DataFrame, column: str) -> pd.Series:
    """Place of every row by the value of a column; empty where that is empty.

    Raises:
        DataError: there is no such column, or a value is no name of a split.
    """
    if column not in labels.columns:
        has = [name for name in labels.columns if name != "path"]
        raise DataError(
            f"split.column: labels have no column {column!r}{nearest(column, has)}; they have {', '.join(has)}"
        )
    values = labels[column].str.lower()
    for value in values.unique():
        if value not in PLACE and value != "":
            raise DataError(f"split.column: {column} has the value {value!r}, which is none of {_names()}")
    return values.map(PLACE).fillna("")


def by_hash(split: Split, keys: pd.Series) -> pd.Series:
    """Place of every key by its own digest, whatever other keys there are.

    Two digests, one for test and one for valid, so that a change of one share moves nothing in the other.
    """
    chance = np.asarray([_chances(split.seed, key) for key in keys]).reshape(-1, 2)
    folds = np.floor(chance[:, 0] * (split.folds or 1))
    test = chance[:, 0] < split.test if split.folds is None else folds == split.fold
    places = np.where(test, "test", np.where(chance[:, 1] < split.valid, "valid", "train"))
    return pd.Series(places, index=keys.index, dtype=str)


def _chances(seed: int, key: str) -> tuple[float, float]:
    """Two numbers, uniform from 0 to below 1, that depend on seed and key alone."""
    digest = hashlib.sha256(f"{seed}/{key}".encode()).digest()
    return int.from_bytes(digest[:6], "big") / 2**48, int.from_bytes(digest[6:12], "big") / 2**48


def _names() -> str:
    return ", ".join(sorted(PLACE))
