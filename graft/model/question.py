"""What any task can do: a kind of question that a network is asked of a picture."""

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Any, ClassVar, TypeVar

import numpy as np
import torch
from numpy.typing import NDArray

from graft.model.loss import PLAIN, Shaping

Array = TypeVar("Array", torch.Tensor, NDArray[Any])


@dataclass(frozen=True, slots=True)
class Task(ABC):
    """A kind of question, and the classes it is about, in the order of the logits."""

    classes: list[str]

    multi_label: ClassVar[bool]
    hits: ClassVar[str]
    """What the share of pictures is called whose answer is wholly right."""

    @property
    @abstractmethod
    def answers(self) -> int:
        """Answers a picture asks for: losses that are reported are per answer."""

    @abstractmethod
    def prior(self, targets: NDArray[Any]) -> NDArray[np.float32]:
        """Logits `[K]` for a head to begin with, given the targets it will be fitted to."""

    @abstractmethod
    def losses(self, logits: torch.Tensor, targets: torch.Tensor, shaping: Shaping = PLAIN) -> torch.Tensor:
        """Loss of each picture, `[..., B]`, of logits `[..., B, K]`; unless shaped, its negative log likelihood."""

    @abstractmethod
    def balance(self, targets: NDArray[Any]) -> NDArray[np.float32]:
        """Weights of classes, as `Shaping` takes them, under which every class counts alike in sum.

        Source: scikit-learn's class_weight="balanced"; a class that no picture has gets 1.
        """

    @abstractmethod
    def chances(self, targets: NDArray[Any]) -> NDArray[np.float64]:
        """How often to draw each picture, `[N]`, sum 1, so that every class is drawn alike."""

    @abstractmethod
    def activate(self, logits: torch.Tensor) -> torch.Tensor:
        """Probabilities `[B, K]` in a graph, as the bundle computes them."""

    @abstractmethod
    def right(self, logits: Array, targets: Array) -> Array:
        """Whether each picture's answer is wholly right, `[..., B]`, of logits `[..., B, K]`."""

    @abstractmethod
    def probabilities(self, logits: NDArray[np.float32]) -> NDArray[np.float64]:
        """Probabilities of logits `[N, K]`, in double precision."""

    @abstractmethod
    def log_likelihood(self, logits: NDArray[np.float64], targets: NDArray[Any]) -> NDArray[np.float64]:
        """Log likelihood in nats of each answer, `[N]` or `[N, K]`."""

    @abstractmethod
    def figures(self, logits: NDArray[np.float32], targets: NDArray[Any]) -> dict[str, float]:
        """How good the answers are; the higher the better, and the first one decides."""

    @abstractmethod
    def decide(self, probabilities: NDArray[Any]) -> NDArray[np.int64]:
        """What is answered: places `[N]` of classes, or zeros and ones `[N, K]`."""

    @abstractmethod
    def names(self, text: str) -> list[str]:
        """Class names in what `texts` or labels.csv says of one picture."""

    @abstractmethod
    def texts(self, decided: NDArray[Any]) -> list[str]:
        """Name what was decided, or what the targets say, as labels.csv does."""


def inverse(counts: NDArray[Any], total: float) -> NDArray[np.float32]:
    """`total / counts`, and 1 where nothing was counted."""
    return np.where(counts > 0, total / np.maximum(counts, 1), 1.0).astype(np.float32)
