"""Metrics of a classifier that gives one label a picture, on pictures it never saw."""

from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.metrics import log_loss, precision_recall_fscore_support

from graft.intervals import accuracy_interval

HEADLINE = ("pictures", "accuracy", "accuracy_low", "accuracy_high", "error_rate", "macro_f1", "log_loss")
"""What metrics.json holds of a network: few enough to read in a diff; the rest lies in tables."""
BASELINE = ("accuracy",)
"""What it holds of always answering the most frequent class."""


def measure(
    probabilities: NDArray[np.float64], targets: NDArray[np.int64], classes: list[str], groups: pd.Series
) -> dict[str, Any]:
    """Measure one split.

    Args:
        probabilities: `[N, K]`, rows summing to 1.
        targets: `[N]`, places in `classes`.
        groups: unit of every picture, "" where there is none.

    Returns:
        Nested, JSON-ready figures. A figure that has no value, such as the recall of a class with
        no picture, is None and stands in ``undefined`` with the reason.
    """
    predicted = probabilities.argmax(1)
    right = predicted == targets
    interval, method = accuracy_interval(right, groups)
    by_class, undefined = per_class(predicted, targets, classes)
    scores = [row["f1"] for row in by_class.values() if row["f1"] is not None]
    majority = int(np.bincount(targets, minlength=len(classes)).argmax())
    return {
        "pictures": len(targets),
        "accuracy": float(right.mean()),
        "accuracy_low": interval.low,
        "accuracy_high": interval.high,
        "interval": method,
        "error_rate": float(1 - right.mean()),
        "macro_f1": float(np.mean(scores)) if scores else None,
        "log_loss": float(log_loss(targets, probabilities, labels=range(len(classes)))),
        "majority": {"class": classes[majority], "accuracy": float((targets == majority).mean())},
        "classes": by_class,
        "undefined": undefined,
    }


def per_class(
    predicted: NDArray[np.int64], targets: NDArray[np.int64], classes: list[str]
) -> tuple[dict[str, dict[str, Any]], dict[str, str]]:
    """Precision, recall and F1 of every class, and why any of them is None."""
    figures = precision_recall_fscore_support(targets, predicted, labels=range(len(classes)), zero_division=np.nan)
    table: dict[str, dict[str, Any]] = {}
    undefined: dict[str, str] = {}
    for place, name in enumerate(classes):
        values = [float(figure[place]) for figure in figures]
        table[name] = {
            key: None if np.isnan(value) else value
            for key, value in zip(("precision", "recall", "f1"), values[:3], strict=True)
        }
        table[name]["pictures"] = int(values[3])
        if table[name]["precision"] is None:
            undefined[f"{name}.precision"] = "never predicted"
        if table[name]["recall"] is None:
            undefined[f"{name}.recall"] = "no picture in this split"
        if table[name]["f1"] is None:
            undefined[f"{name}.f1"] = "neither predicted nor in this split"
    return table, undefined


def by_slice(
    right: NDArray[np.bool_], rows: pd.DataFrame, columns: list[str], name: str = "accuracy"
) -> dict[str, dict[str, Any]]:
    """Share that is right with its interval for every value of some columns, ``{"type=mono": {...}}``.

    Args:
        name: what the share is called.
    """
    found: dict[str, dict[str, Any]] = {}
    for column in columns:
        for value in sorted(rows[column].unique()):
            inside = (rows[column] == value).to_numpy()
            interval, _ = accuracy_interval(right[inside], rows.loc[inside, "group"])
            found[f"{column}={value}"] = {
                "pictures": int(inside.sum()),
                name: float(right[inside].mean()),
                f"{name}_low": interval.low,
                f"{name}_high": interval.high,
            }
    return found


def confusion(predicted: NDArray[np.int64], targets: NDArray[np.int64], classes: list[str]) -> NDArray[np.int64]:
    """Count pictures by actual class (row) and predicted class (column): `[K, K]`."""
    counts = np.zeros((len(classes), len(classes)), dtype=np.int64)
    np.add.at(counts, (targets, predicted), 1)
    return counts
