"""The task of exactly one class an image: softmax and cross-entropy."""

from dataclasses import dataclass
from itertools import compress
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from scipy.special import log_softmax, softmax

from graft.tasks.base import PLAIN, Array, LossOptions, Task, focal_factor, inverse_frequency


@dataclass(frozen=True, slots=True)
class SingleLabel(Task):
    """Exactly one class holds; targets are indices of classes, int64 `[N]`."""

    multi_label = False
    primary_metric = "accuracy"
    activation = "softmax"
    threshold = None
    can_abstain = True

    @property
    def loss_terms(self) -> int:
        """One."""
        return 1

    def prior_logits(self, targets: NDArray[Any]) -> NDArray[np.float32]:
        """All classes alike."""
        return np.zeros(len(self.classes), dtype=np.float32)

    def losses(self, logits: torch.Tensor, targets: torch.Tensor, options: LossOptions = PLAIN) -> torch.Tensor:
        """Cross-entropy."""
        scores = logits.movedim(-1, 1)  # [B, K] or, of P heads side by side, [P, K, B]
        losses = F.cross_entropy(scores, targets, reduction="none", label_smoothing=options.label_smoothing)
        if options.focal:
            plain = F.cross_entropy(scores, targets, reduction="none") if options.label_smoothing else losses
            losses = losses * focal_factor(torch.exp(-plain), options.focal)
        if options.class_weights is not None:
            losses = losses * options.class_weights[targets]
        return losses

    def class_weights(self, targets: NDArray[Any]) -> NDArray[np.float32]:
        """One weight a class, `[K]`."""
        return inverse_frequency(np.bincount(targets, minlength=len(self.classes)), len(targets) / len(self.classes))

    def sampling_weights(self, targets: NDArray[Any]) -> NDArray[np.float64]:
        """By the image's class."""
        weights = self.class_weights(targets)[targets].astype(np.float64)
        return np.asarray(weights / weights.sum(), dtype=np.float64)

    def activate(self, logits: torch.Tensor) -> torch.Tensor:
        """Softmax."""
        return torch.softmax(logits, dim=1)

    def correct(self, logits: Array, targets: Array) -> Array:
        """The class with the highest logit is the image's."""
        correct: Array = logits.argmax(-1) == targets
        return correct

    def probabilities(self, logits: NDArray[np.float32]) -> NDArray[np.float64]:
        """Softmax."""
        return np.asarray(softmax(logits.astype(np.float64), axis=1))

    def log_likelihood(self, logits: NDArray[np.float64], targets: NDArray[Any]) -> NDArray[np.float64]:
        """Of the image's class, `[N]`."""
        return np.asarray(log_softmax(logits, axis=1)[np.arange(len(targets)), targets])

    def metrics(self, logits: NDArray[np.float32], targets: NDArray[Any]) -> dict[str, float]:
        """Accuracy."""
        return {self.primary_metric: float(self.correct(logits, targets).mean())}

    def decide(self, probabilities: NDArray[Any]) -> NDArray[np.int64]:
        """The most probable class, `[N]`."""
        return np.asarray(probabilities.argmax(1), dtype=np.int64)

    def confidences(
        self, probabilities: NDArray[np.float64], targets: NDArray[Any]
    ) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
        """The probability of the class answered, and whether it is the image's: both `[N]`."""
        return probabilities.max(1), self.correct(probabilities, targets)

    def learnable(self, targets: NDArray[Any]) -> NDArray[np.bool_]:
        """The classes that occur."""
        return np.isin(np.arange(len(self.classes)), targets)

    def restrict(self, targets: NDArray[Any], kept: NDArray[np.bool_]) -> tuple["SingleLabel", NDArray[Any]]:
        """Indices among the classes that are kept."""
        return SingleLabel(list(compress(self.classes, kept))), (np.cumsum(kept) - 1)[targets]

    def parse_labels(self, text: str) -> list[str]:
        """The one name."""
        return [text]

    def format_labels(self, decided: NDArray[Any]) -> list[str]:
        """One name an image."""
        return [self.classes[index] for index in decided]
