"""What is asked of a network: the one class of a picture, or which of the classes hold.

All that differs between the two follows from the object that `task_of` makes: targets are read
by it, and loss, probabilities, decisions and scores are its own.

Targets are those of `graft.split.table`: int64 `[N]`, or float32 `[N, K]` of zeros and ones.
"""

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Any, ClassVar, TypeVar

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.special import expit, log_expit, log_softmax, softmax

from graft.model.loss import PLAIN, Shaping, sigmoid_losses, softmax_losses
from graft.model.ranking import mean_average_precision
from graft.model.saved import Description
from graft.tables import JOINED

THRESHOLD = 0.5
"""From this probability on, a class of several is said to hold."""

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


def _inverse(counts: NDArray[Any], total: float) -> NDArray[np.float32]:
    """`total / counts`, and 1 where nothing was counted."""
    return np.where(counts > 0, total / np.maximum(counts, 1), 1.0).astype(np.float32)


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
        return _inverse(np.bincount(targets, minlength=len(self.classes)), len(targets) / len(self.classes))

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
        return _inverse(np.stack([len(targets) - held, held]), len(targets) / 2)

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
        return text.split(JOINED) if text else []

    def texts(self, decided: NDArray[Any]) -> list[str]:
        """Names joined, an empty text where no class holds."""
        return [JOINED.join(self.classes[place] for place in np.flatnonzero(row)) for row in decided]


def make_task(classes: list[str], multi_label: bool) -> Task:
    """The task of a dataset."""
    return ManyLabels(classes) if multi_label else OneLabel(classes)


def task_of(description: Description) -> Task:
    """The task that a saved head or network was made for."""
    return make_task(description.classes, description.multi_label)
