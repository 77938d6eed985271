"""The task of any number of classes a picture."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.special import expit, log_expit

from graft.data.dataset import LABEL_DELIMITER
from graft.tasks.base import PLAIN, Array, Shaping, Task, inverse, sigmoid_losses


def average_precisions(targets: NDArray[Any], scores: NDArray[Any]) -> list[float | None]:
    """Average precision of every class, None where no picture has it, NaN where a score is.

    Args:
        targets: `[N, K]`, 1 where a class holds, else 0.
        scores: `[N, K]`, logits or probabilities.

    Source: scikit-learn's average_precision_score, which sums precision over the steps of recall.
    """
    columns = zip(targets.T, scores.T, strict=True)
    return [_average_precision(held, ranked) if held.any() else None for held, ranked in columns]


def mean_average_precision(targets: NDArray[Any], scores: NDArray[Any]) -> float | None:
    """Mean over the classes that some picture has, each counting alike; None where there is none."""
    found = [value for value in average_precisions(targets, scores) if value is not None]
    return float(np.mean(found)) if found else None


def _average_precision(held: NDArray[Any], ranked: NDArray[Any]) -> float:
    from sklearn.metrics import average_precision_score  # takes over a second, which one label a picture need not

    return float("nan") if np.isnan(ranked).any() else float(average_precision_score(held, ranked))


THRESHOLD = 0.5
"""From this probability on, a class of several is said to hold."""


@dataclass(frozen=True, slots=True)
class ManyLabels(Task):
    """Any number of classes hold, each for itself: sigmoid and binary cross-entropy."""

    multi_label = True
    hits = "exact_match"

    @property
    def answers(self) -> int:
        """Yes or no of every class."""
        return len(self.classes)

    def prior(self, targets: NDArray[Any]) -> NDArray[np.float32]:
        """How often each class holds, as log odds: a rare one is then no surprise of many epochs.

        As if one picture more had each class and one more had not, so that the odds are finite.

        Source: Lin et al. 2017, https://arxiv.org/abs/1708.02002, section 3.3.
        """
        held = targets.sum(0, dtype=np.float64)
        return np.asarray(np.log((held + 1) / (len(targets) - held + 1)), dtype=np.float32)

    def losses(self, logits: torch.Tensor, targets: torch.Tensor, shaping: Shaping = PLAIN) -> torch.Tensor:
        """Binary cross-entropy, summed over the classes."""
        return sigmoid_losses(logits, targets, shaping)

    def balance(self, targets: NDArray[Any]) -> NDArray[np.float32]:
        """Weights of no and of yes, `[2, K]`."""
        held = targets.sum(0, dtype=np.float64)
        return inverse(np.stack([len(targets) - held, held]), len(targets) / 2)

    def chances(self, targets: NDArray[Any]) -> NDArray[np.float64]:
        """By the rarest class that the picture has; one without a class counts as 1."""
        yes = self.balance(targets)[1].astype(np.float64)
        weights = np.where(targets.any(1), (targets * yes).max(1), 1.0)
        return np.asarray(weights / weights.sum(), dtype=np.float64)

    def activate(self, logits: torch.Tensor) -> torch.Tensor:
        """Sigmoid."""
        return torch.sigmoid(logits)

    def right(self, logits: Array, targets: Array) -> Array:
        """Every class that holds is found, and no other: the exact match."""
        right: Array = ((logits >= 0) == (targets > 0)).all(-1)
        return right

    def probabilities(self, logits: NDArray[np.float32]) -> NDArray[np.float64]:
        """Sigmoid."""
        found: NDArray[np.float64] = expit(logits.astype(np.float64))
        return found

    def log_likelihood(self, logits: NDArray[np.float64], targets: NDArray[Any]) -> NDArray[np.float64]:
        """Of the yes or no of every class, `[N, K]`."""
        return np.where(targets > 0, log_expit(logits), log_expit(-logits))

    def figures(self, logits: NDArray[np.float32], targets: NDArray[Any]) -> dict[str, float]:
        """Mean average precision, which needs no threshold, and the exact match, which does.

        Where no picture has a label there is nothing to rank: the log likelihood then decides.
        """
        ranked = mean_average_precision(targets, logits)
        exact = float(self.right(logits, targets).mean())
        return {"mean_average_precision": 0.0 if ranked is None else ranked, self.hits: exact}

    def decide(self, probabilities: NDArray[Any]) -> NDArray[np.int64]:
        """The classes with a probability of one half or more, as zeros and ones `[N, K]`."""
        return (probabilities >= THRESHOLD).astype(np.int64)

    def names(self, text: str) -> list[str]:
        """The names, or none."""
        return text.split(LABEL_DELIMITER) if text else []

    def texts(self, decided: NDArray[Any]) -> list[str]:
        """Names joined, an empty text where no class holds."""
        return [LABEL_DELIMITER.join(self.classes[place] for place in np.flatnonzero(row)) for row in decided]
