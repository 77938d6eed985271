"""The task of one class a picture."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.special import log_softmax, softmax

from graft.tasks.base import PLAIN, Array, Shaping, Task, inverse, softmax_losses


@dataclass(frozen=True, slots=True)
class OneLabel(Task):
    """Exactly one class holds: softmax and cross-entropy."""

    multi_label = False
    hits = "accuracy"

    @property
    def answers(self) -> int:
        """One."""
        return 1

    def prior(self, targets: NDArray[Any]) -> NDArray[np.float32]:
        """All classes alike."""
        return np.zeros(len(self.classes), dtype=np.float32)

    def losses(self, logits: torch.Tensor, targets: torch.Tensor, shaping: Shaping = PLAIN) -> torch.Tensor:
        """Cross-entropy."""
        return softmax_losses(logits, targets, shaping)

    def balance(self, targets: NDArray[Any]) -> NDArray[np.float32]:
        """One weight a class, `[K]`."""
        return inverse(np.bincount(targets, minlength=len(self.classes)), len(targets) / len(self.classes))

    def chances(self, targets: NDArray[Any]) -> NDArray[np.float64]:
        """By the picture's class."""
        weights = self.balance(targets)[targets].astype(np.float64)
        return np.asarray(weights / weights.sum(), dtype=np.float64)

    def activate(self, logits: torch.Tensor) -> torch.Tensor:
        """Softmax."""
        return torch.softmax(logits, dim=1)

    def right(self, logits: Array, targets: Array) -> Array:
        """The class with the highest logit is the picture's."""
        right: Array = logits.argmax(-1) == targets
        return right

    def probabilities(self, logits: NDArray[np.float32]) -> NDArray[np.float64]:
        """Softmax."""
        found: NDArray[np.float64] = softmax(logits.astype(np.float64), axis=1)
        return found

    def log_likelihood(self, logits: NDArray[np.float64], targets: NDArray[Any]) -> NDArray[np.float64]:
        """Of the picture's class."""
        found: NDArray[np.float64] = log_softmax(logits, axis=1)[np.arange(len(targets)), targets]
        return found

    def figures(self, logits: NDArray[np.float32], targets: NDArray[Any]) -> dict[str, float]:
        """Accuracy."""
        return {self.hits: float(self.right(logits, targets).mean())}

    def decide(self, probabilities: NDArray[Any]) -> NDArray[np.int64]:
        """The most probable class, `[N]`."""
        return np.asarray(probabilities.argmax(1), dtype=np.int64)

    def names(self, text: str) -> list[str]:
        """The one name."""
        return [text]

    def texts(self, decided: NDArray[Any]) -> list[str]:
        """One name a picture."""
        return [self.classes[place] for place in decided]
