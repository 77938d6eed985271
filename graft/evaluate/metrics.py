"""Scores of a split, and what the metrics of every kind of task have in common."""

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict
from sklearn.metrics import roc_auc_score

from graft.stats.intervals import Interval, bootstrap
from graft.tasks import Task
from graft.tasks.multi_label import average_precisions

Figures = dict[str, float | None]
"""Figures by name; those that can have a 95 % interval are followed by its ends, ``name_low`` and ``name_high``.

What has no value is None.
"""


UNDEFINED = {
    "precision": "never predicted",
    "recall": "no image in this split has it",
    "f1": "neither predicted nor in this split",
    "roc_auc": "every image in this split has it, or none",
    "average_precision": "no image in this split has it; the mean leaves it out",
}
"""Why a figure of a class has no value where it has none."""


class Measured(BaseModel):
    """A part of what `evaluate` passes on to `report` as JSON: immutable, no key unknown."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class ClassScores(Measured):
    """How well one class is told from the others; None where a figure has no value."""

    precision: float | None
    recall: float | None
    f1: float | None
    roc_auc: float | None
    average_precision: float | None
    images: int
    """Images of the split that have the class."""


class Baseline(Measured):
    """The one answer that is correct most often, given to every image."""

    answer: str
    """As labels.csv would write it."""
    figures: Figures


class Scores(Measured):
    """All that is measured of one network on one split."""

    images: int
    interval: str
    """How the interval of the share of correct answers was made, as `graft.stats.intervals` names it."""
    figures: Figures
    majority: Baseline
    classes: dict[str, ClassScores]
    undefined: dict[str, str]
    """Why a figure has no value, by its name or by ``class.figure``; means leave it out."""


@dataclass(frozen=True, slots=True)
class Metrics(ABC):
    """How the answers to one kind of task are measured."""

    task: Task

    headline: ClassVar[tuple[str, ...]]
    """Figures of the network that metrics.json holds: few enough to read in a diff; the rest lies in tables."""
    side_by_side: ClassVar[tuple[str, ...]]
    """Those of the head and of the fine-tuned network, to be compared."""
    baseline: ClassVar[tuple[str, ...]]
    """Those of the answer that is correct most often."""
    meanings: ClassVar[dict[str, str]]
    """Every figure and what a person reads; those that a task does not have are left out."""
    undefined: ClassVar[dict[str, str]]
    """Why a figure has no value where it has none."""
    holds: ClassVar[str]
    """What the share of answers is called that turn out to be true."""

    @abstractmethod
    def measure(
        self, probabilities: NDArray[np.float64], losses: NDArray[np.float64], targets: NDArray[Any], groups: pd.Series
    ) -> Scores:
        """Measure one split.

        Args:
            probabilities: `[N, K]`, in [0, 1].
            losses: log loss of each image, `[N]`, in nats an answer.
            targets: `[N]` or `[N, K]`, as the task has them.
            groups: unit of every image, "" where there is none.
        """

    @abstractmethod
    def confusion(self, predictions: pd.DataFrame) -> NDArray[np.int64]:
        """Count images by label and answer, read from the columns `label` and `predicted`."""

    def confusion_table(self, counts: NDArray[np.int64]) -> pd.DataFrame:
        """The confusion as rows of actual, predicted, images and share; none where classes do not exclude each other.

        `dvc plots` asks for the table of every kind of task.
        """
        return pd.DataFrame(columns=["actual", "predicted", "images", "share"])

    def most_confused(self, counts: NDArray[np.int64]) -> pd.DataFrame | None:
        """Pairs of classes that are taken for each other; None where classes do not exclude each other."""
        return None

    def headlines(self, networks: dict[str, Scores], kept: str, every: Scores | None = None) -> dict[str, Any]:
        """What metrics.json holds: a few figures of the network kept, of each one, of all images, of a baseline.

        Args:
            every: of heads, cross-validated over all images.
        """
        test = networks[kept]
        values: dict[str, Any] = {"images": test.images} | test.figures

        def side_by_side(scores: Scores) -> Figures:
            return {name: scores.figures[name] for name in self.side_by_side}

        return {
            "test": {name: values[name] for name in self.headline},
            **{of: side_by_side(one) for of, one in networks.items()},
            **({"cross_validated": {"images": every.images} | side_by_side(every)} if every else {}),
            "majority": {name: test.majority.figures[name] for name in self.baseline},
            "interval": test.interval,
            "kept": kept,
        }


def top_k(probabilities: NDArray[np.float64], targets: NDArray[np.int64], k: int) -> NDArray[np.float64]:
    """Whether each image's class is among its `k` most probable, `[N]`, 0 or 1.

    Of equally probable classes the later one counts as less probable, as argmax has it.
    """
    given = probabilities[np.arange(len(targets)), targets][:, None]
    earlier = np.arange(probabilities.shape[1]) < targets[:, None]
    before = (probabilities > given) | ((probabilities == given) & earlier)
    return np.asarray(before.sum(1) < k, dtype=np.float64)


def brier(probabilities: NDArray[np.float64], held: NDArray[Any]) -> NDArray[np.float64]:
    """Squared distance of each image's probabilities from the truth, summed over classes, `[N]`.

    Args:
        held: `[N, K]`, 1 where a class holds, else 0.

    Source: Brier 1950: 0 is correct and sure, 2 is wrong and sure where one class holds.
    """
    return np.asarray(np.square(probabilities - held).sum(1), dtype=np.float64)


def measure_classes(
    names: list[str], held: NDArray[np.int64], predicted: NDArray[np.int64], probabilities: NDArray[np.float64]
) -> tuple[dict[str, ClassScores], dict[str, str]]:
    """Measure how well every class is told from the others; also say why a figure has no value, by ``class.figure``.

    Args:
        held, predicted: `[N, K]`, 1 where a class holds, or is predicted, else 0.
    """
    hits, actual, answers = (held * predicted).sum(0), held.sum(0), predicted.sum(0)
    with np.errstate(invalid="ignore"):
        precision, recall, f1 = hits / answers, hits / actual, 2 * hits / (actual + answers)
    classes = {
        name: ClassScores(
            precision=none_if_nan(precision[k]),
            recall=none_if_nan(recall[k]),
            f1=none_if_nan(f1[k]),
            roc_auc=roc_auc_score(held[:, k], probabilities[:, k]) if 0 < actual[k] < len(held) else None,
            average_precision=average_precision,
            images=int(actual[k]),
        )
        for k, (name, average_precision) in enumerate(zip(names, average_precisions(held, probabilities), strict=True))
    }
    undefined = {
        f"{name}.{figure}": why
        for name, scores in classes.items()
        for figure, why in UNDEFINED.items()
        if getattr(scores, figure) is None
    }
    return classes, undefined


def class_mean(classes: dict[str, ClassScores], figure: str) -> float | None:
    """Mean of a figure over the classes that have it; None where none has."""
    values = [value for scores in classes.values() if (value := getattr(scores, figure)) is not None]
    return float(np.mean(values)) if values else None


def with_intervals(figures: Callable[[NDArray[np.float64]], dict[str, float]], groups: pd.Series) -> Figures:
    """Measure all images, each figure followed by the ends of its interval.

    Args:
        figures: what is measured when image n counts `weights[n]` times, as `bootstrap` takes it.
        groups: unit of every image, "" where there is none.
    """
    whole = figures(np.ones(len(groups)))
    found: Figures = {name: None if np.isnan(value) else value for name, value in whole.items()}
    for name, spread in bootstrap(figures, groups).items():
        found |= ends(name, spread)
    return found


def ends(name: str, interval: Interval | None) -> Figures:
    """Ends of a figure's interval, ``name_low`` and ``name_high``; None where it has none."""
    return {f"{name}_low": interval.low if interval else None, f"{name}_high": interval.high if interval else None}


def none_if_nan(value: float) -> float | None:
    """A figure as it is kept: None where scikit-learn gives NaN."""
    return None if np.isnan(value) else float(value)
