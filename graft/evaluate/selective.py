"""Answering only when sure: how right the classifier is on the pictures that it answers.

A closed set of classes cannot say "none of these": softmax shares out certainty among them. A
threshold on the confidence can say "not sure".
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from matplotlib.ticker import PercentFormatter
from numpy.typing import NDArray

from graft.errors import ParamsError
from graft.evaluate.settings import Abstain
from graft.figure import save_figure
from graft.intervals import accuracy_interval

POINTS = 101
DIGITS = 6
"""Of a threshold, and of the confidences that it is laid against."""


@dataclass(frozen=True, slots=True)
class Surest:
    """Answers, the surest first; what has one confidence is answered together.

    Attributes:
        confidence: `[C]`, every confidence that occurs, falling.
        answered: `[C]`, pictures with that confidence or a higher one.
        right: `[C]`, how many of those are right.
    """

    confidence: NDArray[np.float64]
    answered: NDArray[np.int64]
    right: NDArray[np.int64]

    @classmethod
    def of(cls, confidence: NDArray[np.float64], right: NDArray[np.bool_]) -> "Surest":
        """Sort answers by confidence `[N]`."""
        levels, place = np.unique(-confidence.round(DIGITS), return_inverse=True)
        each = np.bincount(place), np.bincount(place, weights=right)
        return cls(-levels, each[0].cumsum(), each[1].cumsum().astype(np.int64))

    @property
    def precision(self) -> NDArray[np.float64]:
        """Share of the answers that is right, down to each confidence."""
        shares: NDArray[np.float64] = self.right / self.answered
        return shares

    @property
    def coverage(self) -> NDArray[np.float64]:
        """Share of the pictures that is answered, down to each confidence."""
        shares: NDArray[np.float64] = self.answered / self.answered[-1]
        return shares

    def table(self) -> pd.DataFrame:
        """The curve: coverage, threshold, accuracy of what is answered; about a hundred rows."""
        wanted = np.linspace(0, 1, POINTS)[1:]
        rows = np.unique(np.searchsorted(self.coverage, wanted - 1e-12).clip(max=len(self.coverage) - 1))
        columns = {"coverage": self.coverage, "threshold": self.confidence, "accuracy": self.precision}
        return pd.DataFrame({name: values[rows].round(DIGITS) for name, values in columns.items()})


def threshold(valid: Surest, wanted: Abstain) -> float:
    """Read the confidence off the valid pictures from which on to answer.

    Raises:
        ParamsError: the precision is reached at no threshold.
    """
    if wanted.coverage is not None:
        return float(valid.confidence[np.searchsorted(valid.coverage, wanted.coverage - 1e-12)])
    assert wanted.precision is not None  # one of the two is
    reached = np.flatnonzero(valid.precision >= wanted.precision)
    if not len(reached):
        best = int(valid.precision.argmax())
        raise ParamsError(
            f"evaluate.abstain.precision: {wanted.precision:g} is reached at no threshold; of the "
            f"{valid.answered[best]} surest of {valid.answered[-1]} valid pictures {valid.precision[best]:.4g} are "
            "right: ask for no more than that"
        )
    return float(valid.confidence[reached[-1]])


def answered(
    confidence: NDArray[np.float64], right: NDArray[np.bool_], groups: pd.Series, below: float
) -> dict[str, Any]:
    """Measure the answers that are left when those below a confidence are "not sure"."""
    sure = confidence.round(DIGITS) >= below
    found: dict[str, Any] = {"abstain_below": below, "coverage": float(sure.mean())}
    if not sure.any():
        return found | dict.fromkeys(("accuracy", "accuracy_low", "accuracy_high"))
    interval, _ = accuracy_interval(right[sure], groups[sure])
    return found | {
        "accuracy": float(right[sure].mean()),
        "accuracy_low": interval.low,
        "accuracy_high": interval.high,
    }


def save_coverage(path: Path, curve: pd.DataFrame, below: float | None) -> None:
    """Draw how right the answers are over the share of pictures answered."""
    figure = Figure(figsize=(5.6, 3.6), layout="constrained")
    axes = figure.subplots()
    axes.plot(curve["coverage"], curve["accuracy"], color="#2f6db5", drawstyle="steps-post")
    if below is not None:
        kept = curve.loc[curve["threshold"] >= below, "coverage"].max()
        axes.axvline(0 if np.isnan(kept) else kept, color="#c62828", linewidth=1, linestyle="--")
    for axis in (axes.xaxis, axes.yaxis):
        axis.set_major_formatter(PercentFormatter(1.0, decimals=0))
    axes.set(xlabel="pictures answered, the surest first", ylabel="right answers", xlim=(0, 1))
    axes.spines[["top", "right"]].set_visible(False)
    save_figure(figure, path)
