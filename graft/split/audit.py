"""What a split holds, and whether anything lies on both sides of it."""

from typing import Any

import pandas as pd

from graft.split.assign import NAMES


def describe(labels: pd.DataFrame, splits: pd.Series) -> dict[str, dict[str, int]]:
    """Count pictures by split and class, ``{"train": {"all": 3, "cat": 2, "dog": 1}, ...}``."""
    counts: dict[str, dict[str, int]] = {}
    for name in NAMES:
        inside = labels.loc[splits == name, "label"]
        counts[name] = {"all": len(inside)} | {str(k): v for k, v in inside.value_counts().sort_index().items()}
    return counts


def audit(labels: pd.DataFrame, duplicate_groups: pd.Series, splits: pd.Series) -> dict[str, Any]:
    """Count what straddles the splits.

    Duplicate groups must never do so (`assign` ties them); groups do in a random split, and the
    count says how much a random split may flatter.
    """
    grouped = labels["group"] != ""
    return {
        "duplicate_groups_across_splits": _straddling(duplicate_groups, splits),
        "groups": int(labels["group"][grouped].nunique()),
        "groups_across_splits": _straddling(labels["group"][grouped], splits[grouped]),
    }


def _straddling(units: pd.Series, splits: pd.Series) -> int:
    return int((splits.groupby(units).nunique() > 1).sum())
