"""The knobs of fine-tuning the whole network."""

from typing import Self

from pydantic import Field, model_validator

from graft.model.device import Precision
from graft.params import Section


class Finetune(Section):
    """How the whole network is trained, starting from the head."""

    epochs: int = Field(default=4, ge=1)
    batch_size: int = Field(default=32, ge=1)
    sizes: list[list[float]] = Field(default=[[224, 1.0]], min_length=1)
    """Progressive resizing: pairs of side in pixels and share of the epochs, in order."""
    lr_ratio: float = Field(default=100.0, ge=1)
    """Peak rate of the head over that of the stem."""
    freeze: list[str] = []
    """Patterns for names of body parameters that stay as they are."""
    weight_decay: float = Field(default=0.01, ge=0)
    label_smoothing: float = Field(default=0.1, ge=0, lt=1)
    """Share of a target spread over all classes or, with several labels a picture, over yes and no of each."""
    ema: float = Field(default=0.99, ge=0, lt=1)
    """Decay a step of the moving average of the weights; 0 keeps the last weights."""
    clip: float = Field(default=1.0, gt=0)
    """Largest norm of all gradients together."""
    precision: Precision = "auto"
    """``auto`` is bf16 where the processor computes in it, else fp32."""

    @model_validator(mode="after")
    def _sizes_are_pairs(self) -> Self:
        for pair in self.sizes:
            if len(pair) != 2 or pair[0] != int(pair[0]) or pair[0] < 16 or not 0 < pair[1] <= 1:
                raise ValueError(f"sizes: expected pairs such as [224, 0.5]: side, share of the epochs; got {pair}")
        if abs(sum(share for _, share in self.sizes) - 1) > 1e-6:
            raise ValueError(f"sizes: the shares must add up to 1; got {[share for _, share in self.sizes]}")
        return self

    def size_at(self, epoch: int) -> int:
        """Side of the training views in an epoch, counted from 1."""
        end = 0.0
        for size, share in self.sizes:
            end += share
            if epoch <= round(end * self.epochs):
                return int(size)
        return int(self.sizes[-1][0])
