"""The knobs of the embedding: what the head sees of the pretrained network."""

from typing import Literal

from pydantic import Field, field_validator

from graft.core.params import Section
from graft.network.device import Precision

Pool = Literal["mean", "max"]


Flip = Literal["none", "horizontal", "vertical", "both"]


class Embed(Section):
    """What the head sees of the pretrained network."""

    view: int = Field(default=224, ge=16, le=2048)
    """Side in pixels of the view that networks are evaluated at, here and in every later stage."""
    standardise: bool = False
    """Take out every picture's own brightness and contrast: for pictures whose exposure says nothing."""
    layers: list[str] = []
    """Layers whose outputs stand beside the last features, such as blocks.5."""
    pools: list[Pool] = Field(default=["mean"], min_length=1)
    """How those outputs become vectors: mean, max."""
    flips: list[Flip] = Field(default=["none"], min_length=1)
    """Views of each picture whose features are stored: ``none`` is the picture as it is, and the first.

    The head is fitted to all views of the training pictures; it is judged by the plain one, which
    is what the network sees when it is used."""
    precision: Precision = "auto"
    """``auto`` is bf16 where the processor computes in it, else fp32."""

    @field_validator("layers", "pools")
    @classmethod
    def _once(cls, names: list[str]) -> list[str]:
        if len(set(names)) < len(names):
            raise ValueError("each can be named once")
        return names

    @field_validator("flips")
    @classmethod
    def _plain_first(cls, flips: list[Flip]) -> list[Flip]:
        if flips[0] != "none":
            raise ValueError("the first must be none, the picture as it is")
        if len(set(flips)) < len(flips):
            raise ValueError("each view can be named once")
        return flips
