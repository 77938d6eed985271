"""Metrics of a classifier that gives one label an image, on images it never saw."""

from collections.abc import Callable

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.metrics import confusion_matrix

from graft.evaluate.calibration import calibration_error, reliability
from graft.evaluate.metrics import (
    Baseline,
    Metrics,
    Scores,
    brier,
    class_mean,
    ends,
    measure_classes,
    top_k,
    with_intervals,
)
from graft.stats.intervals import Interval, accuracy_interval

TOP = 5
"""Top-5 accuracy is measured of more classes than these."""


class SingleLabelMetrics(Metrics):
    """Accuracy and what goes with it; targets are `[N]`, positions among the classes."""

    headline = (
        "images",
        "accuracy",
        "accuracy_low",
        "accuracy_high",
        "balanced_accuracy",
        "macro_f1",
        "log_loss",
        "ece",
    )
    side_by_side = ("accuracy", "accuracy_low", "accuracy_high", "macro_f1", "log_loss")
    baseline = ("accuracy",)
    meanings = {
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
    holds = "correct answers"
    undefined = {"roc_auc": "the split holds images of one class only"}

    def measure(
        self,
        probabilities: NDArray[np.float64],
        losses: NDArray[np.float64],
        targets: NDArray[np.int64],
        groups: pd.Series,
    ) -> Scores:
        """Measure one split; the rows of probabilities sum to 1."""
        predicted = probabilities.argmax(1)
        correct = predicted == targets
        interval, method = accuracy_interval(correct, groups)
        one_hot = np.eye(len(self.task.classes), dtype=np.int64)
        classes, undefined = measure_classes(self.task.classes, one_hot[targets], one_hot[predicted], probabilities)
        majority = int(np.bincount(targets).argmax())
        figures = {
            "accuracy": float(correct.mean()),
            **ends("accuracy", interval),
            "error_rate": float(1 - correct.mean()),
            **ends("error_rate", interval and Interval(1 - interval.high, 1 - interval.low)),
            **with_intervals(weighted_figures(probabilities, losses, targets), groups),
            "roc_auc": class_mean(classes, "roc_auc"),
            "average_precision": class_mean(classes, "average_precision"),
            "ece": calibration_error(reliability(probabilities.max(1), correct)),
        }
        return Scores(
            images=len(targets),
            interval=method,
            figures=figures,
            majority=Baseline(
                answer=self.task.classes[majority], figures={"accuracy": float((targets == majority).mean())}
            ),
            classes=classes,
            undefined=undefined | {name: why for name, why in self.undefined.items() if figures[name] is None},
        )

    def confusion(self, predictions: pd.DataFrame) -> NDArray[np.int64]:
        """Count images by actual class (row) and predicted class (column): `[K, K]`."""
        counts = confusion_matrix(predictions["label"], predictions["predicted"], labels=self.task.classes)
        return np.asarray(counts, dtype=np.int64)

    def confusion_table(self, counts: NDArray[np.int64]) -> pd.DataFrame:
        """The confusion matrix, a row a cell: actual, predicted, images, and their share of the actual class.

        Cells without an image are left out but for the diagonal, which names every class. A class
        without an image has no share.
        """
        classes, cells = self.task.classes, np.argwhere((counts > 0) | np.eye(len(counts), dtype=bool))
        images, of_class = counts[cells[:, 0], cells[:, 1]], counts.sum(1)[cells[:, 0]]
        return pd.DataFrame(
            {
                "actual": [classes[actual] for actual, _ in cells],
                "predicted": [classes[predicted] for _, predicted in cells],
                "images": images,
                "share": np.where(of_class > 0, images / of_class.clip(1), np.nan).round(6),
            }
        )

    def most_confused(self, counts: NDArray[np.int64]) -> pd.DataFrame:
        """Pairs of classes that are confused as rows of actual, predicted, images: most frequent first, then by name.

        Source: ClassificationInterpretation.most_confused of fastai 2, https://docs.fast.ai/interpret.html
        """
        table = self.confusion_table(counts).drop(columns="share")
        mistakes = table[table["actual"] != table["predicted"]]
        return mistakes.sort_values(["images", "actual", "predicted"], ascending=[False, True, True], ignore_index=True)


def weighted_figures(
    probabilities: NDArray[np.float64], losses: NDArray[np.float64], targets: NDArray[np.int64]
) -> Callable[[NDArray[np.float64]], dict[str, float]]:
    """Make a function that measures the images when each counts as often as its weight says.

    Returns:
        Of weights `[N]`: figures by name, NaN where one has no value.
    """
    count, predicted = probabilities.shape[1], probabilities.argmax(1)
    correct = predicted == targets
    means = {"log_loss": losses, "brier": brier(probabilities, np.eye(count)[targets])}
    if count > TOP:
        means = {"top_5_accuracy": top_k(probabilities, targets, TOP), **means}

    def figures(weights: NDArray[np.float64]) -> dict[str, float]:
        hits, actual, answers = (
            np.bincount(positions, weight, count)
            for positions, weight in ((targets, weights * correct), (targets, weights), (predicted, weights))
        )
        with np.errstate(invalid="ignore", divide="ignore"):
            recall, precision, f1 = hits / actual, hits / answers, 2 * hits / (actual + answers)
            found = {
                "balanced_accuracy": recall[actual > 0].mean(),
                "macro_f1": f1[actual + answers > 0].mean(),
                "macro_precision": precision[answers > 0].mean(),
                "weighted_f1": f1[actual > 0] @ actual[actual > 0] / actual.sum(),
            }
        found |= {name: weights @ values / weights.sum() for name, values in means.items()}
        return {name: float(value) for name, value in found.items()}

    return figures
