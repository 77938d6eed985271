"""How logits become answers: a temperature, and a confidence below which to abstain, read off unseen images.

A closed set of classes cannot say "none of these": softmax shares out certainty among them. A
threshold on the confidence can say "not sure".
"""

from dataclasses import dataclass
from typing import Any, Self

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from torch import nn

from graft.core.errors import DataError, ParamsError
from graft.data.dataset import LabelledImages
from graft.evaluate.calibration import fit_temperature
from graft.evaluate.config import Abstain, Evaluate
from graft.evaluate.metrics import Measured, ends
from graft.network.config import Precision
from graft.network.inference import all_outputs
from graft.stats.intervals import accuracy_interval
from graft.tasks import Decision, Task

DIGITS = 5
"""Confidences that are equal to so many digits are answered together: single precision hardly tells more near 1."""
SHORT_DIGITS = 6
"""Digits of a threshold, where a number of so many lies between the two confidences."""


@dataclass(frozen=True, slots=True)
class Logits:
    """Logits `[N, K]` of some images, and their targets."""

    values: NDArray[np.float32]
    targets: NDArray[Any]

    def probabilities(self, task: Task, temperature: float) -> NDArray[np.float64]:
        """Probabilities `[N, K]` at a temperature."""
        return task.probabilities(self.values / np.float32(temperature))

    def losses(self, task: Task, temperature: float) -> NDArray[np.float64]:
        """Log loss of each image, `[N]`, in nats an answer; of logits, since probabilities round to 0."""
        scaled = (self.values / np.float32(temperature)).astype(np.float64)
        losses: NDArray[np.float64] = -task.log_likelihood(scaled, self.targets).reshape(len(scaled), -1).mean(1)
        return losses


def logits_of(network: nn.Module, images: LabelledImages, size: int, precision: Precision) -> Logits:
    """Run a network over whole images of `size` pixels a side.

    Raises:
        DataError: a logit is not finite.
    """
    values = all_outputs(network, images.pixels, images.rows, size, precision, "evaluate")
    broken = np.flatnonzero(~np.isfinite(values).all(1))
    if len(broken):
        better = "" if precision == "fp32" else "; evaluate.precision: fp32 may hold it"
        raise DataError(
            f"{images.pixels.paths[images.rows[broken[0]]]}: the network gives logits that are not finite in "
            f"{precision}, of {len(broken)} of {len(values)} images{better}"
        )
    return Logits(values, images.targets)


def temperature_of(task: Task, unseen: Logits, config: Evaluate) -> float:
    """The temperature of a network, 1 where none is asked for."""
    return fit_temperature(task, unseen.values, unseen.targets) if config.calibrate else 1.0


def decide(task: Task, unseen: Logits, config: Evaluate) -> Decision:
    """Fit the temperature, and find the threshold that is asked for.

    Args:
        unseen: of images that the network did not learn from.

    Raises:
        ParamsError: a threshold is asked for where images may have several labels, or cannot be reached.
    """
    temperature = temperature_of(task, unseen, config)
    below = None
    if config.abstain is not None:
        if not task.can_abstain:
            raise ParamsError(
                "evaluate.abstain: an image with several labels may have none of them, which says it already; use null"
            )
        probabilities = unseen.probabilities(task, temperature)
        curve = CoverageCurve.of(*task.confidences(probabilities, unseen.targets))
        below = choose_threshold(curve, config.abstain)
    return Decision(tta=config.tta, temperature=temperature, abstain_below=below)


@dataclass(frozen=True, slots=True)
class CoverageCurve:
    """Accuracy over coverage: answers, the most confident first; those of one confidence are answered together.

    Attributes:
        threshold: `[C]`, between every confidence that occurs and the next lower one, falling: in the
            middle, where what another machine computes a little differently lies on the same side.
        answered: `[C]`, images above that threshold.
        correct: `[C]`, how many of those are correct.
    """

    threshold: NDArray[np.float64]
    answered: NDArray[np.int64]
    correct: NDArray[np.int64]

    @classmethod
    def of(cls, confidence: NDArray[np.float64], correct: NDArray[np.bool_]) -> Self:
        """Sort answers by confidence `[N]`."""
        exact = _as_served(confidence)
        levels, index = np.unique(-exact.round(DIGITS), return_inverse=True)
        lowest, highest = np.full(len(levels), np.inf), np.zeros(len(levels))
        np.minimum.at(lowest, index, exact)
        np.maximum.at(highest, index, exact)
        # nothing is known of confidences lower than all of them: there it is not sure
        below = np.append(highest[1:], lowest[-1] - 2 * 10**-SHORT_DIGITS)
        middle = (lowest + below) / 2
        short = middle.round(SHORT_DIGITS)
        between = np.where((below < short) & (short < lowest), short, middle)
        answered, hits = np.bincount(index).cumsum(), np.bincount(index, weights=correct).cumsum()
        return cls(between, answered, hits.astype(np.int64))

    @property
    def accuracy(self) -> NDArray[np.float64]:
        """Share of the answers that is correct, down to each threshold."""
        shares: NDArray[np.float64] = self.correct / self.answered
        return shares

    @property
    def coverage(self) -> NDArray[np.float64]:
        """Share of the images that is answered, down to each threshold."""
        shares: NDArray[np.float64] = self.answered / self.answered[-1]
        return shares

    def table(self) -> pd.DataFrame:
        """The curve in about a hundred rows: coverage, threshold, accuracy of what is answered."""
        wanted = np.linspace(0, 1, 101)[1:]
        rows = np.unique(np.searchsorted(self.coverage, wanted - 1e-12).clip(max=len(self.coverage) - 1))
        shares = {"coverage": self.coverage, "accuracy": self.accuracy}
        table = pd.DataFrame({name: values[rows].round(6) for name, values in shares.items()})
        table.insert(1, "threshold", self.threshold[rows])  # rounded, it may lie on the other side of an image
        return table


def choose_threshold(unseen: CoverageCurve, config: Abstain) -> float:
    """Read the confidence from which on to answer off images that were not learnt from.

    Raises:
        ParamsError: the precision is reached at no threshold.
    """
    if config.coverage is not None:
        return float(unseen.threshold[np.searchsorted(unseen.coverage, config.coverage - 1e-12)])
    assert config.precision is not None  # one of the two is
    reached = np.flatnonzero(unseen.accuracy >= config.precision)
    if not len(reached):
        best = int(unseen.accuracy.argmax())
        raise ParamsError(
            f"evaluate.abstain.precision: {config.precision:g} is reached at no threshold; of the "
            f"{unseen.answered[best]} most confident of {unseen.answered[-1]} images {unseen.accuracy[best]:.4g} "
            "are correct: ask for no more than that"
        )
    return float(unseen.threshold[reached[-1]])


class Answered(Measured):
    """What is left when answers below a confidence are "not sure"; an accuracy or an end of its interval may be None.

    The fields stand in metrics.json under these names.
    """

    abstain_below: float
    coverage: float
    """Share of the images that is answered."""
    accuracy: float | None = None
    """Share of these answers that is correct."""
    accuracy_low: float | None = None
    accuracy_high: float | None = None


def is_answered(confidence: NDArray[np.floating[Any]], below: float) -> NDArray[np.bool_]:
    """Which answers are given, `[N]`, by confidence `[N]` as the bundle would have it."""
    return _as_served(confidence) >= below


def measure_answered(
    confidence: NDArray[np.float64], correct: NDArray[np.bool_], groups: pd.Series, below: float
) -> Answered:
    """Measure the answers that are left when those below a confidence are "not sure"."""
    answers = is_answered(confidence, below)
    found = Answered(abstain_below=below, coverage=float(answers.mean()))
    if not answers.any():
        return found
    interval, _ = accuracy_interval(correct[answers], groups[answers])
    return found.model_copy(update={"accuracy": float(correct[answers].mean()), **ends("accuracy", interval)})


def _as_served(confidence: NDArray[np.floating[Any]]) -> NDArray[np.float64]:
    """Confidence in the bundle's single precision, to be compared in double precision, as whoever reads it does."""
    return confidence.astype(np.float32).astype(np.float64)
