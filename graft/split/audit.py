"""What a split holds, whether anything lies on both sides of it, and what the label follows from."""

from typing import Any

import pandas as pd

from graft.core.errors import DataError
from graft.data.dataset import EXCLUDED, LABEL_DELIMITER, SPLITS, is_multi_label, label_column
from graft.split.metadata import Audit, baseline

SHOWN = 10
"""Classes that are named in a warning."""


def describe(labels: pd.DataFrame, splits: pd.Series) -> dict[str, dict[str, int]]:
    """Count pictures by split and class, ``{"train": {"all": 3, "cat": 2, "dog": 1}, ...}``.

    A picture of several classes counts in each. What was set aside has a count of its own, when
    there is any.
    """
    names = label_column(labels)
    if is_multi_label(labels):
        names = names.str.split(LABEL_DELIMITER, regex=False)
    counts: dict[str, dict[str, int]] = {}
    for name in (*SPLITS, EXCLUDED):
        inside = names[splits == name]
        if name != EXCLUDED or len(inside):
            by_class = inside.explode().value_counts().sort_index().items()
            counts[name] = {"all": len(inside)} | {str(label): int(count) for label, count in by_class}
    return counts


def audit(labels: pd.DataFrame, images: pd.DataFrame, splits: pd.Series, pattern: str | None = None) -> dict[str, Any]:
    """Count what straddles the splits, and see how far the label follows without pixels.

    Duplicate groups must never straddle (`assign` ties them or sets copies aside); groups do in a
    random split, and the count says how much a random split may flatter. `pattern` is the label
    rule's, where it has one.
    """
    inside = splits != EXCLUDED
    metadata = baseline(labels, images, splits, pattern)
    grouped = (labels["group"] != "") & inside
    return {
        "duplicate_groups_across_splits": _straddling(images["duplicate_group"][inside], splits[inside]),
        "groups": int(labels["group"][grouped].nunique()),
        "groups_across_splits": _straddling(labels["group"][grouped], splits[grouped]),
        "metadata": metadata | {"warning": warning(metadata)},
    }


def unlearnt(counts: dict[str, dict[str, int]]) -> str | None:
    """Say which classes train has no picture of, given what `describe` counted; None if there is none."""
    names = sorted({name for count in counts.values() for name in count} - set(counts["train"]) - {""})
    if not names:
        return None
    more = f" and {len(names) - SHOWN} more" if len(names) > SHOWN else ""
    told = f"{'classes' if len(names) > 1 else 'class'} {', '.join(map(repr, names[:SHOWN]))}{more}"
    measured = any(name in counts[split] for name in names for split in SPLITS)  # beside others of the same picture
    end = "so nothing can be learnt of it" if measured else "and was left out"
    return f"{told}: in no training picture, {end}"


def warning(metadata: dict[str, Any]) -> str | None:
    """Say in plain words that the label can be guessed without the picture, and from what; None if not."""
    if not metadata["suspicious"]:
        return None
    told = max(metadata["alone"], key=metadata["alone"].get)
    of = f" ({metadata['left_out']} of rarer classes left out)" if metadata["left_out"] else ""
    low, high = metadata["accuracy_low"], metadata["accuracy_high"]
    within = "one group, so no interval" if low is None else f"{low:.1%} to {high:.1%}"
    return (
        f"without looking at a pixel, the label of {metadata['accuracy']:.1%} of the held-out pictures{of} is guessed "
        f"right ({within}; always the most frequent class: "
        f"{metadata['majority']:.1%}), best from {told} ({metadata['alone'][told]:.1%} alone): a network may learn "
        f"that instead of the thing itself, and its figures then flatter"
    )


def gate(config: Audit, metadata: dict[str, Any]) -> None:
    """Stop when the pixel-free baseline beats the majority class by more than is allowed.

    Raises:
        DataError: with the figures.
    """
    if config.max_metadata_gain is not None and metadata["gain"] > config.max_metadata_gain:
        finding = warning(metadata) or f"the pixel-free baseline is right for {metadata['accuracy']:.1%}"
        raise DataError(
            f"audit: {finding}; a gain of {metadata['gain']:.3f} is over audit.max_metadata_gain = "
            f"{config.max_metadata_gain:g}; hold out whole groups, or find what ties file and label"
        )


def _straddling(units: pd.Series, splits: pd.Series) -> int:
    return int((splits.groupby(units).nunique() > 1).sum())
