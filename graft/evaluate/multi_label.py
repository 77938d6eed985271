"""Metrics of a classifier that gives any number of labels an image, on images it never saw."""

from collections.abc import Callable

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.metrics import confusion_matrix, f1_score, hamming_loss

from graft.evaluate.calibration import calibration_error, reliability
from graft.evaluate.metrics import (
    Baseline,
    Figures,
    Metrics,
    Scores,
    brier,
    class_mean,
    ends,
    measure_classes,
    none_if_nan,
    with_intervals,
)
from graft.stats.intervals import accuracy_interval
from graft.tasks.multi_label import mean_average_precision


class MultiLabelMetrics(Metrics):
    """Exact match and what goes with it; targets are `[N, K]`, 1 where a class holds, else 0.

    ``hamming_loss`` is the share of all single answers, yes or no, that are wrong; ``log_loss`` and
    ``brier`` are means over them, the first in nats.
    """

    headline = (
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
    side_by_side = tuple(name for name in headline if name not in ("images", "hamming_loss", "ece"))
    baseline = ("exact_match", "micro_f1", "mean_average_precision", "hamming_loss")
    meanings = {
        "exact_match": "exact match: images whose labels are all correct",
        "hamming_loss": "Hamming loss: single answers that are wrong",
        "micro_f1": "micro F1",
        "macro_f1": "macro F1",
        "mean_average_precision": "mean average precision",
        "roc_auc": "ROC AUC, mean of the classes",
        "log_loss": "log loss of an answer in nats",
        "brier": "Brier score of an answer",
        "ece": "expected calibration error of an answer",
    }
    holds = "share of images that have it"
    undefined = {
        "micro_f1": "no class is predicted and none holds",
        "macro_f1": "no class is predicted and none holds",
        "mean_average_precision": "no image in this split has a label",
        "roc_auc": "no class holds for some images and not for others",
    }

    def measure(
        self,
        probabilities: NDArray[np.float64],
        losses: NDArray[np.float64],
        targets: NDArray[np.float32],
        groups: pd.Series,
    ) -> Scores:
        """Measure one split; each probability stands for itself."""
        truth, predicted = targets.astype(np.int64), self.task.decide(probabilities)
        correct = (predicted == truth).all(1)
        interval, method = accuracy_interval(correct, groups)
        classes, undefined = measure_classes(self.task.classes, truth, predicted, probabilities)
        usual = np.broadcast_to(truth.mean(0) > 0.5, truth.shape).astype(np.int64)
        figures = {
            "exact_match": float(correct.mean()),
            **ends("exact_match", interval),
            **with_intervals(weighted_figures(probabilities, losses, truth, predicted), groups),
            "mean_average_precision": mean_average_precision(truth, probabilities),
            "roc_auc": class_mean(classes, "roc_auc"),
            "ece": calibration_error(reliability(probabilities.ravel(), truth.ravel() > 0)),
        }
        return Scores(
            images=len(truth),
            interval=method,
            figures=figures,
            majority=Baseline(answer=self.task.format_labels(usual[:1])[0], figures=_baseline_figures(usual, truth)),
            classes=classes,
            undefined=undefined | {name: why for name, why in self.undefined.items() if figures[name] is None},
        )

    def confusion(self, predictions: pd.DataFrame) -> NDArray[np.int64]:
        """Count images for every class by whether it holds (row) and is predicted (column): `[K, 2, 2]`."""
        texts = (predictions[column] for column in ("label", "predicted"))
        truth, predicted = ([set(self.task.parse_labels(text)) for text in column] for column in texts)
        counts = [
            confusion_matrix([name in row for row in truth], [name in row for row in predicted], labels=[False, True])
            for name in self.task.classes
        ]
        return np.asarray(counts, dtype=np.int64)


def weighted_figures(
    probabilities: NDArray[np.float64],
    losses: NDArray[np.float64],
    truth: NDArray[np.int64],
    predicted: NDArray[np.int64],
) -> Callable[[NDArray[np.float64]], dict[str, float]]:
    """Make a function that measures the images when each counts as often as its weight says.

    Returns:
        Of weights `[N]`: figures by name, NaN where one has no value.
    """
    both, either = (truth * predicted).astype(np.float64), (truth + predicted).astype(np.float64)
    means = {
        "hamming_loss": (truth != predicted).mean(1),
        "log_loss": losses,
        "brier": brier(probabilities, truth) / truth.shape[1],
    }

    def figures(weights: NDArray[np.float64]) -> dict[str, float]:
        hits, total = weights @ both, weights @ either
        with np.errstate(invalid="ignore", divide="ignore"):
            found = {"micro_f1": 2 * hits.sum() / total.sum(), "macro_f1": np.nan}
            if (total > 0).any():
                found["macro_f1"] = (2 * hits[total > 0] / total[total > 0]).mean()
        found |= {name: weights @ values / weights.sum() for name, values in means.items()}
        return {name: float(value) for name, value in found.items()}

    return figures


def _baseline_figures(usual: NDArray[np.int64], truth: NDArray[np.int64]) -> Figures:
    """How far zeros and ones `[N, K]` that are the same for every image agree with the truth."""
    answers, wanted = usual.ravel(), truth.ravel()  # micro-averages count each answer alike
    return {
        "mean_average_precision": mean_average_precision(truth, usual),
        "exact_match": float((usual == truth).all(1).mean()),
        "micro_f1": none_if_nan(f1_score(wanted, answers, zero_division=np.nan)),
        "hamming_loss": float(hamming_loss(wanted, answers)),
    }
