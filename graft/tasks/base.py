"""What every task can do: its loss, its metrics, and how logits become a decision.

Targets are those of `graft.data.dataset`: int64 `[N]`, or float32 `[N, K]` of zeros and ones.
"""

import json
from abc import ABC, abstractmethod
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, Self, TypeVar

import numpy as np
import torch
from numpy.typing import NDArray

from graft.core.files import write_json
from graft.core.params import Section
from graft.network.config import Flip


class Decision(Section):
    """How logits become answers: found by `evaluate`, carried by the bundle, kept in ``decision.json``."""

    tta: list[Flip] = ["none"]
    """Flips of the image whose logits are averaged (test-time augmentation)."""
    temperature: float = 1.0
    """What the logits are divided by."""
    abstain_below: float | None = None
    """Confidence below which the answer is "not sure"; None answers always."""

    def write(self, folder: Path) -> None:
        """Write ``decision.json`` into a folder."""
        write_json(folder / "decision.json", self.model_dump())

    @classmethod
    def read(cls, folder: Path) -> Self:
        """Read the ``decision.json`` of a folder."""
        return cls.model_validate(json.loads((folder / "decision.json").read_text(encoding="utf-8")))


@dataclass(frozen=True, slots=True)
class LossOptions:
    """How the loss of training departs from the negative log likelihood.

    Source: smoothing: Szegedy et al. 2016, https://arxiv.org/abs/1512.00567, section 7; focal: Lin et
    al. 2017, https://arxiv.org/abs/1708.02002, without its alpha, which `class_weights` is.
    """

    label_smoothing: float = 0.0
    """Share of every target that is spread evenly over the possible answers."""
    focal: float = 0.0
    """Exponent of (1 - probability of the truth): the higher, the less easy images count."""
    class_weights: torch.Tensor | None = None
    """As `Task.class_weights` gives them: `[K]` or, with several labels an image, `[2, K]`."""


PLAIN = LossOptions()

Array = TypeVar("Array", torch.Tensor, NDArray[Any])


@dataclass(frozen=True, slots=True)
class Task(ABC):
    """A kind of question, and the classes it is about, in the order of the logits."""

    classes: list[str]

    multi_label: ClassVar[bool]
    """What files say of the task; code asks the methods instead."""
    primary_metric: ClassVar[str]
    """Name of the share of images whose answer is wholly correct: an image counts as one, so that it can be
    resampled and compared image by image."""
    activation: ClassVar[str]
    """The last layer of the exported graph: softmax or sigmoid."""
    threshold: ClassVar[float | None]
    """Probability from which on a class holds; None where the most probable one is answered."""
    can_abstain: ClassVar[bool]
    """Whether the answer may be "not sure"; where no class at all is an answer, that says it already."""

    @property
    @abstractmethod
    def loss_terms(self) -> int:
        """Terms of an image's log likelihood; losses are reported as means over them."""

    @abstractmethod
    def prior_logits(self, targets: NDArray[Any]) -> NDArray[np.float32]:
        """Logits `[K]` for a head to begin with, given the targets it will be fitted to."""

    @abstractmethod
    def losses(self, logits: torch.Tensor, targets: torch.Tensor, options: LossOptions = PLAIN) -> torch.Tensor:
        """Loss in nats of each image, `[..., B]`, of logits `[..., B, K]`; by default its negative log likelihood."""

    @abstractmethod
    def class_weights(self, targets: NDArray[Any]) -> NDArray[np.float32]:
        """Weights, as `LossOptions` takes them, under which every class counts alike in sum.

        Source: scikit-learn's class_weight="balanced"; a class that no image has gets 1.
        """

    @abstractmethod
    def sampling_weights(self, targets: NDArray[Any]) -> NDArray[np.float64]:
        """Probability of drawing each image, `[N]`, sum 1, so that every class is drawn alike."""

    @abstractmethod
    def activate(self, logits: torch.Tensor) -> torch.Tensor:
        """Probabilities `[B, K]` in a graph, as the bundle computes them."""

    @abstractmethod
    def correct(self, logits: Array, targets: Array) -> Array:
        """Whether each image's answer is wholly correct, `[..., B]`, of logits `[..., B, K]`."""

    @abstractmethod
    def probabilities(self, logits: NDArray[np.float32]) -> NDArray[np.float64]:
        """Probabilities of logits `[N, K]`, in double precision."""

    @abstractmethod
    def log_likelihood(self, logits: NDArray[np.float64], targets: NDArray[Any]) -> NDArray[np.float64]:
        """Log likelihood in nats of each term, `[N]` or `[N, K]`."""

    @abstractmethod
    def metrics(self, logits: NDArray[np.float32], targets: NDArray[Any]) -> dict[str, float]:
        """What validation reports, by name: the higher the better, and the first one decides."""

    @abstractmethod
    def decide(self, probabilities: NDArray[Any]) -> NDArray[np.int64]:
        """The answers: indices `[N]` of classes, or zeros and ones `[N, K]`."""

    @abstractmethod
    def confidences(
        self, probabilities: NDArray[np.float64], targets: NDArray[Any]
    ) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
        """How sure each answer is, and whether it holds, both flat: what calibration compares."""

    @abstractmethod
    def learnable(self, targets: NDArray[Any]) -> NDArray[np.bool_]:
        """Mask `[K]` of the classes that these targets teach anything about."""

    @abstractmethod
    def restrict(self, targets: NDArray[Any], kept: NDArray[np.bool_]) -> tuple["Task", NDArray[Any]]:
        """The task among the classes of a mask `[K]`, and targets of images that need no other."""

    @abstractmethod
    def parse_labels(self, text: str) -> list[str]:
        """Class names in what `format_labels` or labels.csv says of one image."""

    @abstractmethod
    def format_labels(self, decided: NDArray[Any]) -> list[str]:
        """Name what was decided, or what the targets say, as labels.csv does."""


def focal_factor(truth: torch.Tensor, exponent: float) -> torch.Tensor:
    """`(1 - truth) ** exponent`, whose slope an exponent below 1 would let grow without end towards certainty."""
    return (1 - truth).clamp(min=torch.finfo(truth.dtype).eps) ** exponent


def inverse_frequency(counts: NDArray[Any], total: float) -> NDArray[np.float32]:
    """`total / counts`, and 1 where nothing was counted."""
    return np.where(counts > 0, total / np.maximum(counts, 1), 1.0).astype(np.float32)
