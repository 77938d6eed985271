"""What any task can do: a kind of question that a network is asked of a picture."""

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Any, ClassVar, TypeVar

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray


@dataclass(frozen=True, slots=True)
class Shaping:
    """How the loss of training departs from the negative log likelihood.

    Source: smoothing: Szegedy et al. 2016, https://arxiv.org/abs/1512.00567, section 7; focal: Lin et
    al. 2017, https://arxiv.org/abs/1708.02002, without its alpha, which `weights` is.
    """

    smoothing: float = 0.0
    """Share of every target that is spread evenly over the possible answers."""
    focal: float = 0.0
    """Exponent of (1 - probability given to the truth): the higher, the less easy pictures count."""
    weights: torch.Tensor | None = None
    """Of every class `[K]` or, with several labels a picture, of its no and its yes, `[2, K]`."""


PLAIN = Shaping()


def softmax_losses(logits: torch.Tensor, targets: torch.Tensor, shaping: Shaping = PLAIN) -> torch.Tensor:
    """Cross-entropy in nats of each picture, `[..., B]`, of logits `[..., B, K]`."""
    scores = logits.movedim(-1, 1)
    losses = F.cross_entropy(scores, targets, reduction="none", label_smoothing=shaping.smoothing)
    if shaping.focal:
        plain = F.cross_entropy(scores, targets, reduction="none") if shaping.smoothing else losses
        losses = losses * _doubt(torch.exp(-plain), shaping.focal)
    if shaping.weights is not None:
        losses = losses * shaping.weights[targets]
    return losses


def sigmoid_losses(logits: torch.Tensor, targets: torch.Tensor, shaping: Shaping = PLAIN) -> torch.Tensor:
    """Binary cross-entropy in nats of each picture, summed over the classes, `[..., B]`, of logits `[..., B, K]`.

    Smoothing spreads over yes and no: a network of two exclusive classes is then asked for the same
    by softmax and by sigmoid.
    """
    soft = targets * (1 - shaping.smoothing) + shaping.smoothing / 2
    losses = F.binary_cross_entropy_with_logits(logits, soft, reduction="none")
    if shaping.focal:
        given = torch.sigmoid(torch.where(targets > 0, logits, -logits))
        losses = losses * _doubt(given, shaping.focal)
    if shaping.weights is not None:
        no, yes = shaping.weights
        losses = losses * torch.where(targets > 0, yes, no)
    return losses.sum(-1)


def _doubt(given: torch.Tensor, exponent: float) -> torch.Tensor:
    """`(1 - given) ** exponent`, whose slope an exponent below 1 would let grow without end towards certainty."""
    return (1 - given).clamp(min=torch.finfo(given.dtype).eps) ** exponent


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
