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

from graft.core.errors import ParamsError
from graft.evaluate.config import Abstain
from graft.evaluate.metrics import ends
from graft.render.figures import save_figure
from graft.stats.intervals import accuracy_interval

POINTS = 101
DIGITS = 5
"""Confidences that are equal to so many digits are answered together: single precision hardly tells more near 1."""
SHORT = 6
"""Digits of a threshold, where so many leave it between the two."""


@dataclass(frozen=True, slots=True)
class Surest:
    """Answers, the surest first; what has one confidence is answered together.

    Attributes:
        threshold: `[C]`, between every confidence that occurs and the next lower one, falling: on the
            middle, where what another machine computes a little otherwise lies on the same side.
        answered: `[C]`, pictures above that threshold.
        right: `[C]`, how many of those are right.
    """

    threshold: NDArray[np.float64]
    answered: NDArray[np.int64]
    right: NDArray[np.int64]

    @classmethod
    def of(cls, confidence: NDArray[np.float64], right: NDArray[np.bool_]) -> "Surest":
        """Sort answers by confidence `[N]`."""
        told = _served(confidence)
        levels, place = np.unique(-told.round(DIGITS), return_inverse=True)
        lowest, highest = np.full(len(levels), np.inf), np.zeros(len(levels))
        np.minimum.at(lowest, place, told)
        np.maximum.at(highest, place, told)
        # nothing is known of confidences lower than all of them: there it is not sure
        below = np.append(highest[1:], lowest[-1] - 2 * 10**-SHORT)
        middle = (lowest + below) / 2
        short = middle.round(SHORT)
        each = np.bincount(place), np.bincount(place, weights=right)
        between = np.where((below < short) & (short < lowest), short, middle)
        return cls(between, each[0].cumsum(), each[1].cumsum().astype(np.int64))

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
        shares = {"coverage": self.coverage, "accuracy": self.precision}
        table = pd.DataFrame({name: values[rows].round(6) for name, values in shares.items()})
        table.insert(1, "threshold", self.threshold[rows])  # rounded, it may lie on the other side of a picture
        return table


def threshold(valid: Surest, wanted: Abstain) -> float:
    """Read the confidence off the valid pictures from which on to answer.

    Raises:
        ParamsError: the precision is reached at no threshold.
    """
    if wanted.coverage is not None:
        return float(valid.threshold[np.searchsorted(valid.coverage, wanted.coverage - 1e-12)])
    assert wanted.precision is not None  # one of the two is
    reached = np.flatnonzero(valid.precision >= wanted.precision)
    if not len(reached):
        best = int(valid.precision.argmax())
        raise ParamsError(
            f"evaluate.abstain.precision: {wanted.precision:g} is reached at no threshold; of the "
            f"{valid.answered[best]} surest of {valid.answered[-1]} valid pictures {valid.precision[best]:.4g} are "
            "right: ask for no more than that"
        )
    return float(valid.threshold[reached[-1]])


def sure(confidence: NDArray[np.floating[Any]], below: float) -> NDArray[np.bool_]:
    """Which answers are given, `[N]`, by confidence `[N]` as the bundle would have it."""
    return _served(confidence) >= below


def _served(confidence: NDArray[np.floating[Any]]) -> NDArray[np.float64]:
    """Confidence in the bundle's single precision, to be compared in double precision, as whoever reads it does."""
    return confidence.astype(np.float32).astype(np.float64)


def answered(
    confidence: NDArray[np.float64], right: NDArray[np.bool_], groups: pd.Series, below: float
) -> dict[str, Any]:
    """Measure the answers that are left when those below a confidence are "not sure"."""
    answers = sure(confidence, below)
    found: dict[str, Any] = {"abstain_below": below, "coverage": float(answers.mean())}
    if not answers.any():
        return found | dict.fromkeys(("accuracy", "accuracy_low", "accuracy_high"))
    interval, _ = accuracy_interval(right[answers], groups[answers])
    return found | {"accuracy": float(right[answers].mean()), **ends("accuracy", interval)}


def save_coverage(path: Path, curve: pd.DataFrame, kept: float | None) -> None:
    """Draw how right the answers are over the share of pictures answered, and which share is kept."""
    figure = Figure(figsize=(5.6, 3.6), layout="constrained")
    axes = figure.subplots()
    axes.plot(curve["coverage"], curve["accuracy"], color="#2f6db5", drawstyle="steps-post")
    if kept is not None:
        axes.axvline(kept, color="#c62828", linewidth=1, linestyle="--")
    for axis in (axes.xaxis, axes.yaxis):
        axis.set_major_formatter(PercentFormatter(1.0, decimals=0))
    axes.set(xlabel="pictures answered, the surest first", ylabel="right answers", xlim=(0, 1))
    axes.spines[["top", "right"]].set_visible(False)
    save_figure(figure, path)
