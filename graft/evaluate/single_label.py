"""Metrics of a classifier that gives one label a picture, on pictures it never saw."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.metrics import precision_recall_fscore_support

from graft.evaluate.calibration import calibration_error, reliability
from graft.evaluate.metrics import brier, ends, mean_of, ranked, top_k, with_intervals
from graft.stats.intervals import Interval, accuracy_interval

TOP = 5
"""Top-5 is told of more classes than these."""

HEADLINE = ("images", "accuracy", "accuracy_low", "accuracy_high", "balanced_accuracy", "macro_f1", "log_loss", "ece")
"""What metrics.json holds of a network: few enough to read in a diff; the rest lies in tables."""
PROBE = ("accuracy", "accuracy_low", "accuracy_high", "macro_f1", "log_loss")
"""What it holds of the linear probe."""
BASELINE = ("accuracy",)
"""What it holds of always answering the most frequent class."""
FIGURES = {
    "accuracy": "accuracy (top-1)",
    "error_rate": "error rate",
    "top_5_accuracy": "top-5 accuracy",
    "balanced_accuracy": "balanced accuracy: mean recall of the classes",
    "macro_f1": "macro F1",
    "weighted_f1": "weighted F1",
    "macro_precision": "macro precision",
    "roc_auc": "ROC AUC, each class against the rest, mean",
    "average_precision": "average precision, each class against the rest, mean",
    "log_loss": "log loss in nats",
    "brier": "Brier score",
    "ece": "expected calibration error",
}
"""Every figure and what a person reads; those a task does not have are left out."""


def measure(
    probabilities: NDArray[np.float64],
    losses: NDArray[np.float64],
    targets: NDArray[np.int64],
    classes: list[str],
    groups: pd.Series,
) -> dict[str, Any]:
    """Measure one split.

    Args:
        probabilities: `[N, K]`, rows summing to 1.
        losses: log loss of each picture, `[N]`, in nats.
        targets: `[N]`, places in `classes`.
        groups: unit of every picture, "" where there is none.

    Returns:
        Nested, JSON-ready figures; those that can have one stand with their 95 % interval, such as
        ``macro_f1``, ``macro_f1_low``, ``macro_f1_high``. A figure or interval that has no value,
        such as the recall of a class with no picture, is None; figures then stand in
        ``undefined`` with the reason, and means leave them out.
    """
    predicted = probabilities.argmax(1)
    right = predicted == targets
    interval, method = accuracy_interval(right, groups)
    by_class, undefined = per_class(predicted, targets, probabilities, classes)
    majority = int(np.bincount(targets, minlength=len(classes)).argmax())
    found = {
        "images": len(targets),
        "accuracy": float(right.mean()),
        **ends("accuracy", interval),
        "interval": method,
        "error_rate": float(1 - right.mean()),
        **ends("error_rate", interval and Interval(1 - interval.high, 1 - interval.low)),
        **with_intervals(weighable(probabilities, losses, targets), groups),
        "roc_auc": mean_of(by_class, "roc_auc"),
        "average_precision": mean_of(by_class, "average_precision"),
        "ece": calibration_error(reliability(probabilities.max(1), right)),
        "majority": {"class": classes[majority], "accuracy": float((targets == majority).mean())},
        "classes": by_class,
    }
    if found["roc_auc"] is None:
        undefined["roc_auc"] = "the split holds pictures of one class only"
    return found | {"undefined": undefined}


def weighable(
    probabilities: NDArray[np.float64], losses: NDArray[np.float64], targets: NDArray[np.int64]
) -> Callable[[NDArray[np.float64]], dict[str, float]]:
    """Make a function that measures the pictures when each counts as often as it is told.

    Returns:
        Of weights `[N]`: figures by name, NaN where one has no value.
    """
    kinds, predicted = probabilities.shape[1], probabilities.argmax(1)
    right = predicted == targets
    means = {"log_loss": losses, "brier": brier(probabilities, np.eye(kinds)[targets])}
    if kinds > TOP:
        means = {"top_5_accuracy": top_k(probabilities, targets, TOP), **means}

    def figures(weights: NDArray[np.float64]) -> dict[str, float]:
        hit, held, said = (
            np.bincount(places, counted, kinds)
            for places, counted in ((targets, weights * right), (targets, weights), (predicted, weights))
        )
        with np.errstate(invalid="ignore", divide="ignore"):
            recall, precision, f1 = hit / held, hit / said, 2 * hit / (held + said)
            told = {
                "balanced_accuracy": recall[held > 0].mean(),
                "macro_f1": f1[held + said > 0].mean(),
                "macro_precision": precision[said > 0].mean(),
                "weighted_f1": f1[held > 0] @ held[held > 0] / held.sum(),
            }
        told |= {name: weights @ values / weights.sum() for name, values in means.items()}
        return {name: float(value) for name, value in told.items()}

    return figures


def per_class(
    predicted: NDArray[np.int64], targets: NDArray[np.int64], probabilities: NDArray[np.float64], classes: list[str]
) -> tuple[dict[str, dict[str, Any]], dict[str, str]]:
    """Precision, recall, F1, ROC AUC and average precision of every class, and why any of them is None."""
    figures = precision_recall_fscore_support(targets, predicted, labels=range(len(classes)), zero_division=np.nan)
    areas = ranked(np.eye(len(classes), dtype=np.int64)[targets], probabilities)
    table: dict[str, dict[str, Any]] = {}
    undefined: dict[str, str] = {}
    for place, name in enumerate(classes):
        values = [float(figure[place]) for figure in figures]
        table[name] = {
            key: None if np.isnan(value) else value
            for key, value in zip(("precision", "recall", "f1"), values[:3], strict=True)
        }
        table[name] |= areas[place] | {"images": int(values[3])}
        reasons = {
            "precision": "never predicted",
            "recall": "no picture in this split",
            "f1": "neither predicted nor in this split",
            "roc_auc": "no picture in this split" if not values[3] else "no picture of another class in this split",
            "average_precision": "no picture in this split",
        }
        undefined |= {f"{name}.{key}": reason for key, reason in reasons.items() if table[name][key] is None}
    return table, undefined


def confusion(predicted: NDArray[np.int64], targets: NDArray[np.int64], classes: list[str]) -> NDArray[np.int64]:
    """Count pictures by actual class (row) and predicted class (column): `[K, K]`."""
    counts = np.zeros((len(classes), len(classes)), dtype=np.int64)
    np.add.at(counts, (targets, predicted), 1)
    return counts
