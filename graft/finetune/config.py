"""The section `finetune` of params.yaml: how the whole network is trained."""

import itertools
import re
from collections.abc import Iterator
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, Field, model_validator

from graft.core.params import Section
from graft.network.config import HeadKind, Precision
from graft.optim.batches import largest_batch
from graft.optim.config import ScheduleKind


def _compiles(pattern: str) -> str:
    try:
        re.compile(pattern)
    except re.error as error:
        raise ValueError(f"is no regular expression: {error}") from error
    return pattern


Pattern = Annotated[str, AfterValidator(_compiles)]
"""A regular expression that names of body parameters begin with."""


class Unfreeze(Section):
    """Part of gradual unfreezing: what a pattern matches stays as it is before an epoch."""

    epoch: int = Field(ge=2)
    """First epoch in which these parameters train, counted from 1."""
    pattern: Pattern
    """Pattern for names of body parameters, as in `freeze`."""


class Finetune(Section):
    """How the whole network is trained, starting from the head."""

    epochs: int = Field(default=4, ge=0)
    """Passes over the training images; 0 hands on what training would begin from."""
    init: Literal["head", "previous"] = "head"
    """What training begins from: the pretrained network with its fitted ``head``, or the network of an earlier run,
    which `graft keep` put into ``models/previous``. The result is compared with the head, on valid, in either case."""
    previous: str | None = Field(default=None, pattern="^[0-9a-f]{64}$")
    """Digest of ``models/previous``, which `graft keep` writes here: so the record says what training began from."""
    batch_size: int = Field(default=32, ge=1)
    """Images in a minibatch, which the device holds at once."""
    accumulate: int = Field(default=1, ge=1)
    """Minibatches whose gradients are added up for one step."""
    sizes: list[list[float]] | None = Field(default=None, min_length=1)
    """Progressive resizing: pairs of side in pixels and share of the epochs, in order; null keeps to `embed.size`."""

    keep: Literal["better", "finetuned", "head"] = "better"
    """Which network is handed on: the better on valid, or one of the two whatever the figures are."""

    refit: bool = False
    """Where the fine-tuned network is kept, train it once more on train and valid together, in twice the time, and
    hand that one on; its temperature is that of the first, which has not seen valid."""

    ensemble: bool = False
    """The fine-tuned network is that of training beside the one that it began from: the mean of their logits, in one
    network of twice the size. Its head must be linear."""

    optimizer: Literal["adamw", "sgd"] = "adamw"
    """``sgd`` has a momentum of 0.9."""
    schedule: ScheduleKind = "one_cycle"
    """How the learning rates move from step to step."""
    warmup_fraction: float = Field(default=0.25, ge=0, lt=1)
    """Share of the steps in which the rate of ``one_cycle`` and ``cosine`` rises."""
    decay_epochs: int = Field(default=7, ge=1)
    """Epochs in which ``step`` and ``exponential`` bring the rate down by `decay`."""
    decay: float = Field(default=0.1, gt=0, le=1)
    """What ``step`` and ``exponential`` multiply the rate by."""
    lr_ratio: float = Field(default=100.0, ge=1)
    """Peak rate of the head, `lr` / 2, over that of the stem. That is the rate of the head's biases: a matrix of
    the head sums over all of its D inputs at once and peaks at `lr` / 2 / sqrt(D)."""
    method: Literal["full", "lora", "norms"] = "full"
    """What trains of the body, beside the head: all that `freeze` leaves; low-rank additions to the linear layers that
    it leaves, which become part of their weights afterwards (``lora``, for transformers); or their ``norms`` alone."""
    lora_rank: int = Field(default=8, ge=1, le=256)
    """Rank of the additions of ``lora``: the higher, the more they can change."""
    freeze: list[Pattern] = []
    """Patterns for names of body parameters that stay as they are, norms' statistics included."""
    unfreeze: list[Unfreeze] = []
    """Parameters that join in later, whether `freeze` names them or not; the latest epoch that matches counts."""
    batch_norm: Literal["frozen", "train"] = "frozen"
    """``frozen`` folds the statistics of the pretraining into the weights: twice as fast on a CPU."""

    label_smoothing: float = Field(default=0.1, ge=0, lt=1)
    """Share of a target spread over all classes or, with several labels an image, over yes and no of each."""
    focal: float = Field(default=0.0, ge=0, le=5)
    """Exponent of the focal loss; 0 is plain cross-entropy."""
    class_weights: Literal["none", "balanced"] = "none"
    """``balanced``: the rarer a class, the more each of its images counts."""
    sampling: Literal["shuffle", "balanced"] = "shuffle"
    """``balanced`` draws with replacement, every class as often."""
    weight_decay: float = Field(default=0.01, ge=0)
    """Weight decay of matrices; biases and norms do not decay."""
    dropout: float | None = Field(default=None, ge=0, lt=1)
    """Dropout before the head; null leaves it as the head was fitted."""
    drop_path: float = Field(default=0.0, ge=0, lt=1)
    """Stochastic depth: how often the last residual branch is left out; earlier ones less."""

    ema_decay: float = Field(default=0.99, ge=0, lt=1)
    """Decay in each step of the exponential moving average of the weights; 0 keeps the last weights."""
    grad_clip_norm: float = Field(default=1.0, gt=0)
    """Largest norm of all gradients together."""
    precision: Precision = "auto"
    """``auto`` is bf16 where the processor computes in it and a sample of the images comes out nearly as in
    fp32, else fp32; the log says which."""
    compile: bool = False
    """Compile the network by torch.compile: worth its minutes on a GPU and many epochs."""

    @model_validator(mode="after")
    def _sizes_are_pairs(self) -> Self:
        sizes = self.sizes or []
        for pair in sizes:
            if len(pair) != 2 or not pair[0].is_integer() or pair[0] < 16 or not 0 < pair[1] <= 1:
                raise ValueError(f"sizes: expected pairs such as [224, 0.5]: side, share of the epochs; got {pair}")
        if sizes and abs(sum(share for _, share in sizes) - 1) > 1e-6:
            raise ValueError(f"sizes: the shares must add up to 1; got {[share for _, share in sizes]}")
        for (size, share), (begin, end) in zip(sizes, itertools.pairwise([0, *self._last_epochs()]), strict=True):
            if self.epochs and begin == end:
                raise ValueError(
                    f"sizes: {share:g} of {self.epochs} epochs leaves none to {size:g}; "
                    "give it a larger share, or leave it out"
                )
        return self

    @model_validator(mode="after")
    def _fields_agree(self) -> Self:
        if self.init == "previous" and self.previous is None:
            raise ValueError("init 'previous' needs the digest of models/previous; `graft keep` writes both")
        if self.batch_size < self.min_batch_size:
            raise ValueError(
                f"batch_size: {self.batch_size} image has no spread that batch_norm 'train' could follow; "
                "choose 2 or more, or batch_norm 'frozen'"
            )
        if self.method != "full" and self.unfreeze:
            raise ValueError(f"unfreeze: with method {self.method!r} nothing joins in later; leave it empty")
        if self.class_weights == self.sampling == "balanced":
            raise ValueError("class_weights and sampling are both balanced: rare classes would count twice; keep one")
        for part in self.unfreeze:
            if part.epoch > self.epochs:
                raise ValueError(
                    f"unfreeze: {part.pattern!r} would join in epoch {part.epoch} of {self.epochs}: "
                    "name an earlier epoch, or list it in freeze"
                )
        return self

    def obstacles(self, head: HeadKind) -> Iterator[str]:
        """What keeps it from a head of this kind."""
        if self.ensemble and head != "linear":
            yield f"finetune.ensemble joins linear heads alone, and train_head.head is {head!r}"

    @property
    def min_batch_size(self) -> int:
        """Images that a batch must have: a norm that follows its statistics needs two."""
        return 2 if self.batch_norm == "train" else 1

    def largest_batch(self, count: int) -> int:
        """Images of the largest minibatch in an epoch of `count`."""
        return largest_batch(count, self.batch_size, self.accumulate, self.min_batch_size)

    def training_sizes(self, size: int) -> list[int]:
        """Sides of training images, in the order in which their epochs come; `size` is that of evaluation."""
        return [size] if self.sizes is None else [int(side) for side, _ in self.sizes]

    def size_at(self, epoch: int, size: int) -> int:
        """Side of the training images in an epoch, counted from 1; `size` as in `training_sizes`."""
        sizes = self.training_sizes(size)
        return next((side for side, last in zip(sizes, self._last_epochs(), strict=False) if epoch <= last), sizes[-1])

    def _last_epochs(self) -> list[int]:
        """Last epoch of each of `sizes`."""
        return [round(share * self.epochs) for share in itertools.accumulate(share for _, share in self.sizes or [])]
