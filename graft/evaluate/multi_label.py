"""Metrics of a classifier that gives any number of labels a picture, on pictures it never saw."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.metrics import confusion_matrix, f1_score, hamming_loss, precision_recall_fscore_support

from graft.evaluate.calibration import calibration_error, reliability
from graft.evaluate.metrics import brier, ends, mean_of, ranked, with_intervals
from graft.stats.intervals import accuracy_interval
from graft.tasks import MultiLabel
from graft.tasks.multi_label import mean_average_precision

HEADLINE = (
    "images",
    "exact_match",
    "exact_match_low",
    "exact_match_high",
    "micro_f1",
    "macro_f1",
    "mean_average_precision",
    "hamming_loss",
    "log_loss",
    "ece",
)
"""What metrics.json holds of a network: few enough to read in a diff; the rest lies in tables."""
PROBE = tuple(name for name in HEADLINE if name not in ("images", "hamming_loss", "ece"))
"""What it holds of the linear probe."""
BASELINE = ("exact_match", "micro_f1", "mean_average_precision", "hamming_loss")
"""What it holds of always giving each class the answer that is more frequent."""
FIGURES = {
    "exact_match": "exact match: pictures wholly right",
    "hamming_loss": "Hamming loss: single answers that are wrong",
    "micro_f1": "micro F1",
    "macro_f1": "macro F1",
    "mean_average_precision": "mean average precision",
    "roc_auc": "ROC AUC, mean of the classes",
    "log_loss": "log loss of an answer in nats",
    "brier": "Brier score of an answer",
    "ece": "expected calibration error of an answer",
}
"""Every figure and what a person reads."""

UNDEFINED = {
    "micro_f1": "no class is predicted and none holds",
    "macro_f1": "no class is predicted and none holds",
    "mean_average_precision": "no picture in this split has a label",
    "roc_auc": "no class holds for some pictures and not for others",
}


def measure(
    probabilities: NDArray[np.float64],
    losses: NDArray[np.float64],
    targets: NDArray[np.float32],
    classes: list[str],
    groups: pd.Series,
) -> dict[str, Any]:
    """Measure one split.

    Args:
        probabilities: `[N, K]`, each in [0, 1] for itself.
        losses: log loss of each picture, `[N]`, in nats an answer.
        targets: `[N, K]`, 1 where a class holds, else 0.
        groups: unit of every picture, "" where there is none.

    Returns:
        Nested, JSON-ready figures, with intervals as `graft.evaluate.single_label.measure` gives them. A
        figure that has no value, such as the recall of a class that no picture has, is None and
        stands in ``undefined`` with the reason; means leave it out. ``hamming_loss`` is the share
        of all single answers, yes or no, that are wrong; ``log_loss`` and ``brier`` are means over
        them, the first in nats.
    """
    task = MultiLabel(classes)
    truth, predicted = targets.astype(np.int64), task.decide(probabilities)
    right = (predicted == truth).all(1)
    interval, method = accuracy_interval(right, groups)
    by_class, undefined = per_class(predicted, truth, probabilities, classes)
    usual = np.broadcast_to(truth.mean(0) > 0.5, truth.shape).astype(np.int64)
    found = {
        "images": len(truth),
        "exact_match": float(right.mean()),
        **ends("exact_match", interval),
        "interval": method,
        **with_intervals(weighable(probabilities, losses, truth, predicted), groups),
        "mean_average_precision": mean_average_precision(truth, probabilities),
        "roc_auc": mean_of(by_class, "roc_auc"),
        "ece": calibration_error(reliability(probabilities.ravel(), truth.ravel() > 0)),
        "majority": {
            "labels": task.format_labels(usual[:1])[0],
            "mean_average_precision": mean_average_precision(truth, usual),
            **_agreement(usual, truth),
        },
        "classes": by_class,
    }
    undefined |= {name: reason for name, reason in UNDEFINED.items() if found[name] is None}
    return found | {"undefined": undefined}


def weighable(
    probabilities: NDArray[np.float64],
    losses: NDArray[np.float64],
    truth: NDArray[np.int64],
    predicted: NDArray[np.int64],
) -> Callable[[NDArray[np.float64]], dict[str, float]]:
    """Make a function that measures the pictures when each counts as often as it is told.

    Returns:
        Of weights `[N]`: figures by name, NaN where one has no value.
    """
    both, either = (truth * predicted).astype(np.float64), (truth + predicted).astype(np.float64)
    kinds = truth.shape[1]
    means = {
        "hamming_loss": (truth != predicted).mean(1),
        "log_loss": losses,
        "brier": brier(probabilities, truth) / kinds,
    }

    def figures(weights: NDArray[np.float64]) -> dict[str, float]:
        hit, told = weights @ both, weights @ either
        with np.errstate(invalid="ignore", divide="ignore"):
            found = {"micro_f1": 2 * hit.sum() / told.sum(), "macro_f1": np.nan}
            if (told > 0).any():
                found["macro_f1"] = (2 * hit[told > 0] / told[told > 0]).mean()
        found |= {name: weights @ values / weights.sum() for name, values in means.items()}
        return {name: float(value) for name, value in found.items()}

    return figures


def _agreement(predicted: NDArray[np.int64], truth: NDArray[np.int64]) -> dict[str, float | None]:
    """How far zeros and ones `[N, K]` agree: picture by picture, and answer by answer."""
    answers, wanted = predicted.ravel(), truth.ravel()  # micro-averages count each answer alike
    micro = float(f1_score(wanted, answers, zero_division=np.nan))
    return {
        "exact_match": float((predicted == truth).all(1).mean()),
        "micro_f1": None if np.isnan(micro) else micro,
        "hamming_loss": float(hamming_loss(wanted, answers)),
    }


def per_class(
    predicted: NDArray[np.int64], truth: NDArray[np.int64], probabilities: NDArray[np.float64], classes: list[str]
) -> tuple[dict[str, dict[str, Any]], dict[str, str]]:
    """Precision, recall, F1, ROC AUC and average precision of every class, and why any of them is None."""
    areas = ranked(truth, probabilities)
    table: dict[str, dict[str, Any]] = {}
    undefined: dict[str, str] = {}
    for place, name in enumerate(classes):
        figures = precision_recall_fscore_support(
            truth[:, place], predicted[:, place], labels=[1], zero_division=np.nan
        )
        precision, recall, f1 = (None if np.isnan(figure[0]) else float(figure[0]) for figure in figures[:3])
        table[name] = {
            "precision": precision,
            "recall": recall,
            "f1": f1,
            **areas[place],
            "images": int(figures[3][0]),
        }
        reasons = {
            "precision": "never predicted",
            "recall": "no picture in this split has it",
            "f1": "neither predicted nor in this split",
            "roc_auc": "every picture in this split has it, or none",
            "average_precision": "no picture in this split has it; the mean leaves it out",
        }
        undefined |= {f"{name}.{key}": reason for key, reason in reasons.items() if table[name][key] is None}
    return table, undefined


def confusion(predicted: NDArray[np.int64], truth: NDArray[np.int64]) -> NDArray[np.int64]:
    """Count pictures for every class by whether it holds (row) and is predicted (column): `[K, 2, 2]`."""
    columns = zip(truth.T, predicted.T, strict=True)
    return np.asarray([confusion_matrix(held, said, labels=[0, 1]) for held, said in columns], dtype=np.int64)
