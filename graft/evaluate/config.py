"""The config of the evaluation."""

from typing import Literal, Self

from pydantic import Field, field_validator, model_validator

from graft.core.params import Section
from graft.network.config import Flip, Precision


class Abstain(Section):
    """When the classifier may answer "not sure": below a confidence that is read off the valid images.

    Exactly one of the two is named.
    """

    precision: float | None = Field(default=None, gt=0, lt=1)
    """Share of the answers that should be correct; as many images as that allows are answered."""
    coverage: float | None = Field(default=None, gt=0, lt=1)
    """Share of the images that should be answered, the most confident ones."""

    @model_validator(mode="after")
    def _exactly_one(self) -> Self:
        if (self.precision is None) == (self.coverage is None):
            raise ValueError("name precision or coverage, one of the two; null in place of both: always answer")
        return self


class Evaluate(Section):
    """How logits become answers on the test split."""

    precision: Precision = "fp32"
    """Precision of inference, ``auto`` as for `embed.precision`; the exported bundle computes in fp32, and bf16
    changes a few close calls."""
    tta: list[Flip] = Field(default=["none"], min_length=1)
    """Test-time augmentation: flips whose logits are averaged, here and in the bundle: none, horizontal,
    vertical, both. Each costs a pass through the network."""
    calibrate: bool = True
    """Divide the logits by a temperature fitted on valid, so that probabilities can be believed."""
    interpret: list[Literal["test", "valid"]] = ["test"]
    """Splits whose predictions, confusions and galleries are written and shown, ``test`` always. On ``valid`` choices
    were made, so its figures are too optimistic, but it may show more mistakes."""
    most_confused: int = Field(default=1, ge=1)
    """Times that a class must be taken for another to be listed in confused.csv; more leaves chance out."""
    abstain: Abstain | None = None
    """When to answer "not sure"; null answers always."""

    @field_validator("tta")
    @classmethod
    def _each_once(cls, flips: list[Flip]) -> list[Flip]:
        if len(set(flips)) < len(flips):
            raise ValueError("each flip can be named once")
        return flips

    @field_validator("interpret")
    @classmethod
    def _with_test(cls, splits: list[Literal["test", "valid"]]) -> list[Literal["test", "valid"]]:
        if "test" not in splits or len(set(splits)) < len(splits):
            raise ValueError(f"test is always interpreted, and each split once: [test] or [test, valid]; got {splits}")
        return splits
