"""The knobs of the evaluation."""

from typing import Self

from pydantic import Field, field_validator, model_validator

from graft.core.params import Section
from graft.network.config import Flip
from graft.network.device import Precision


class Abstain(Section):
    """When the classifier may answer "not sure": below a confidence that is read off the valid pictures.

    Exactly one of the two is named.
    """

    precision: float | None = Field(default=None, gt=0, lt=1)
    """Share of its answers that shall be right; it answers as many pictures as that allows."""
    coverage: float | None = Field(default=None, gt=0, lt=1)
    """Share of the pictures that it shall answer, the surest ones."""

    @model_validator(mode="after")
    def _one(self) -> Self:
        if (self.precision is None) == (self.coverage is None):
            raise ValueError("name precision or coverage, one of the two; null in place of both: always answer")
        return self


class Evaluate(Section):
    """What to report, and how logits become answers."""

    gallery: int = Field(default=24, ge=1, le=500)
    """Pictures a sheet: a random sample, as many of the costliest mistakes, and so on."""
    precision: Precision = "fp32"
    """As the exported bundle computes; bf16 may be faster and flips a few close calls."""
    flips: list[Flip] = Field(default=["none"], min_length=1)
    """Views whose logits are averaged, here and in the bundle (test-time augmentation): none,
    horizontal, vertical, both. Each costs a pass through the network."""
    calibrate: bool = True
    """Divide the logits by a temperature fitted on valid, so that probabilities can be believed."""
    abstain: Abstain | None = None
    """When to answer "not sure"; null answers always."""
    review: int = Field(default=60, ge=0, le=10_000)
    """Rows of each kind in review.csv: suspected label errors, outliers, near duplicates."""

    @field_validator("flips")
    @classmethod
    def _once(cls, flips: list[Flip]) -> list[Flip]:
        if len(set(flips)) < len(flips):
            raise ValueError("each view can be named once")
        return flips
