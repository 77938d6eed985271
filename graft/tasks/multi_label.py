"""The task of any number of classes an image, each for itself: sigmoid and binary cross-entropy."""

from dataclasses import dataclass
from itertools import compress
from typing import Any, ClassVar

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from scipy.special import expit, log_expit

from graft.data.dataset import LABEL_DELIMITER
from graft.tasks.base import PLAIN, Array, LossOptions, Task, focal_factor, inverse_frequency


@dataclass(frozen=True, slots=True)
class MultiLabel(Task):
    """Any number of classes hold; targets are zeros and ones, float32 `[N, K]`."""

    multi_label = True
    primary_metric = "exact_match"
    activation = "sigmoid"
    threshold: ClassVar[float] = 0.5
    can_abstain = False

    @property
    def loss_terms(self) -> int:
        """Yes or no of every class."""
        return len(self.classes)

    def prior_logits(self, targets: NDArray[Any]) -> NDArray[np.float32]:
        """How often each class holds, as log odds: a rare one is then no surprise of many epochs.

        As if one image more had each class and one more had not, so that the odds are finite.

        Source: Lin et al. 2017, https://arxiv.org/abs/1708.02002, section 3.3.
        """
        positives = targets.sum(0, dtype=np.float64)
        return np.asarray(np.log((positives + 1) / (len(targets) - positives + 1)), dtype=np.float32)

    def losses(self, logits: torch.Tensor, targets: torch.Tensor, options: LossOptions = PLAIN) -> torch.Tensor:
        """Binary cross-entropy, summed over the classes.

        Smoothing spreads over yes and no: a network of two exclusive classes is then asked for the
        same by softmax and by sigmoid.
        """
        soft = targets * (1 - options.label_smoothing) + options.label_smoothing / 2
        losses = F.binary_cross_entropy_with_logits(logits, soft, reduction="none")  # [..., B, K]
        if options.focal:
            truth = torch.sigmoid(torch.where(targets > 0, logits, -logits))
            losses = losses * focal_factor(truth, options.focal)
        if options.class_weights is not None:
            no, yes = options.class_weights
            losses = losses * torch.where(targets > 0, yes, no)
        return losses.sum(-1)

    def class_weights(self, targets: NDArray[Any]) -> NDArray[np.float32]:
        """Weights of no and of yes, `[2, K]`."""
        positives = targets.sum(0, dtype=np.float64)
        return inverse_frequency(np.stack([len(targets) - positives, positives]), len(targets) / 2)

    def sampling_weights(self, targets: NDArray[Any]) -> NDArray[np.float64]:
        """By the rarest class that the image has; one without a class counts as 1."""
        yes = self.class_weights(targets)[1].astype(np.float64)
        weights = np.where(targets.any(1), (targets * yes).max(1), 1.0)
        return np.asarray(weights / weights.sum(), dtype=np.float64)

    def activate(self, logits: torch.Tensor) -> torch.Tensor:
        """Sigmoid."""
        return torch.sigmoid(logits)

    def correct(self, logits: Array, targets: Array) -> Array:
        """Every class that holds is found, and no other: the exact match."""
        correct: Array = ((logits >= 0) == (targets > 0)).all(-1)
        return correct

    def probabilities(self, logits: NDArray[np.float32]) -> NDArray[np.float64]:
        """Sigmoid."""
        return np.asarray(expit(logits.astype(np.float64)))

    def log_likelihood(self, logits: NDArray[np.float64], targets: NDArray[Any]) -> NDArray[np.float64]:
        """Of the yes or no of every class, `[N, K]`."""
        return np.where(targets > 0, log_expit(logits), log_expit(-logits))

    def metrics(self, logits: NDArray[np.float32], targets: NDArray[Any]) -> dict[str, float]:
        """Mean average precision, which needs no threshold, and the exact match, which does.

        Where no image has a label there is nothing to rank: the log likelihood then decides.
        """
        ranked = mean_average_precision(targets, logits)
        exact = float(self.correct(logits, targets).mean())
        return {"mean_average_precision": 0.0 if ranked is None else ranked, self.primary_metric: exact}

    def decide(self, probabilities: NDArray[Any]) -> NDArray[np.int64]:
        """The classes with a probability of `threshold` or more, as zeros and ones `[N, K]`."""
        return (probabilities >= self.threshold).astype(np.int64)

    def confidences(
        self, probabilities: NDArray[np.float64], targets: NDArray[Any]
    ) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
        """The probability of every class, and whether the image has it: both `[N * K]`."""
        return probabilities.ravel(), (targets > 0).ravel()

    def learnable(self, targets: NDArray[Any]) -> NDArray[np.bool_]:
        """The classes that some image has and another has not."""
        return np.asarray((targets > 0).any(0) & (targets == 0).any(0), dtype=np.bool_)

    def restrict(self, targets: NDArray[Any], kept: NDArray[np.bool_]) -> tuple["MultiLabel", NDArray[Any]]:
        """The columns that are kept."""
        return MultiLabel(list(compress(self.classes, kept))), targets[:, kept]

    def parse_labels(self, text: str) -> list[str]:
        """The names, or none."""
        return text.split(LABEL_DELIMITER) if text else []

    def format_labels(self, decided: NDArray[Any]) -> list[str]:
        """Names joined, an empty text where no class holds."""
        return [LABEL_DELIMITER.join(self.classes[index] for index in np.flatnonzero(row)) for row in decided]


def average_precisions(targets: NDArray[Any], scores: NDArray[Any]) -> list[float | None]:
    """Average precision of every class, None where no image has it, NaN where a score is.

    Args:
        targets: `[N, K]`, 1 where a class holds, else 0.
        scores: `[N, K]`, logits or probabilities.

    Source: scikit-learn's average_precision_score, which sums precision over the steps of recall.
    """
    from sklearn.metrics import average_precision_score  # takes over a second, which a single label need not

    def precision(holds: NDArray[Any], ranked: NDArray[Any]) -> float | None:
        if not holds.any():
            return None
        return float("nan") if np.isnan(ranked).any() else float(average_precision_score(holds, ranked))

    return list(map(precision, targets.T, scores.T))


def mean_average_precision(targets: NDArray[Any], scores: NDArray[Any]) -> float | None:
    """Mean over the classes that some image has, each counting alike; None where there is none."""
    precisions = [value for value in average_precisions(targets, scores) if value is not None]
    return float(np.mean(precisions)) if precisions else None
