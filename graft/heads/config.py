"""The section `train_head` of params.yaml: what the head is, and how it is fitted."""

from typing import Annotated, Any, Literal, Self

from pydantic import Field, field_validator, model_validator

from graft.core.params import Section
from graft.network.config import HeadKind


class TrainHead(Section):
    """What the head is, and how it is fitted."""

    head: HeadKind = "linear"
    """``linear``: logistic regression; ``mlp``: a hidden layer; ``fastai``: fastai's, with batch norms."""
    hidden: int = Field(default=512, ge=1)
    """Width of the hidden layer of ``mlp`` and ``fastai``."""
    dropout: float = Field(default=0.5, ge=0, lt=1)
    """Dropout after the hidden layer; ``fastai`` also drops half this share of its input."""
    solver: Literal["lbfgs", "onecycle"] = "onecycle"
    """``lbfgs`` takes a linear head to its optimum; ``lr``, ``seed``, ``epochs`` and ``batch_size`` then mean
    nothing here. ``onecycle`` trains any head in small batches, its rate peaking at ``lr``."""
    epochs: int = Field(default=40, ge=0)
    """Passes over the training images of ``onecycle``; 0 leaves the head fresh, for `finetune` to begin from."""
    epoch: Literal["last", "best"] = "last"
    """Which epoch of ``mlp`` and ``fastai`` is kept: the ``last`` one, for whose low rates the 1cycle is made, or
    the one whose log loss on valid is ``best``."""
    batch_size: int = Field(default=256, ge=1)
    """Images in each step of ``onecycle``."""
    refit: bool = True
    """Hand on a head that is fitted to train and valid together, its penalty and its temperature chosen by
    cross-validation within the two. Fine-tuning still begins from a head that never saw valid, and is compared with
    it. ``false``, as well as ``epoch: best`` of a hidden layer: fit to train alone and let valid choose."""
    l2: list[Annotated[float, Field(ge=0)]] = Field(default=[0.03, 0.1, 0.3, 1.0, 3.0], min_length=1)
    """Penalties of a linear head to try; the loss is cross-entropy + l2 / 2 * |weights|^2, and the log
    loss decides: out of fold with ``refit``, else on valid. Where the best is the first or last, ``refit`` looks
    further. Heads with a hidden layer have dropout instead.

    With several labels an image it is binary cross-entropy, summed over the classes: every class
    is then a logistic regression of its own under the same penalty.
    """

    @field_validator("l2")
    @classmethod
    def _once(cls, l2: list[float]) -> list[float]:
        if len(set(l2)) < len(l2):
            raise ValueError("each penalty can be named once")
        return l2

    @model_validator(mode="after")
    def _linear_for_lbfgs(self) -> Self:
        if self.solver == "lbfgs" and self.head != "linear":
            raise ValueError(f"solver lbfgs fits linear heads only, and head is {self.head}; the other is onecycle")
        if self.solver == "lbfgs" and min(self.l2) <= 0:
            raise ValueError(f"solver lbfgs needs penalties l2 above 0, or there is no optimum; got {min(self.l2):g}")
        return self

    @property
    def cross_validates(self) -> bool:
        """Whether a head is refitted: not where valid says which epoch is the best, nor where nothing is fitted."""
        fitted = self.solver == "lbfgs" or self.epochs > 0
        return self.refit and fitted and (self.head == "linear" or self.epoch == "last")

    def described(self) -> dict[str, Any]:
        """Fields of the head's description that differ from a linear head's."""
        return {} if self.head == "linear" else self.model_dump(include={"head", "hidden", "dropout"})
