"""The section `embed` of params.yaml: what the head sees of the pretrained network."""

from typing import Literal

from pydantic import Field, field_validator

from graft.core.params import Section

Precision = Literal["auto", "fp32", "bf16", "fp16"]

HeadKind = Literal["linear", "fastai", "mlp"]
"""What stands between features and logits, see `graft.network.head.Head`."""

Pool = Literal["mean", "max", "token"]

Flip = Literal["none", "horizontal", "vertical", "both"]
"""Which way an image is mirrored, left-right, up-down or both at once."""


class Embed(Section):
    """What the head sees of the pretrained network."""

    size: int = Field(default=224, ge=16, le=2048)
    """Side in pixels of the images that networks are evaluated at, here and in every later stage."""
    standardise: bool = False
    """Remove each image's own brightness and contrast: for images whose exposure means nothing."""
    layers: list[str] = []
    """Layers whose outputs are added to the last features, such as blocks.5."""
    pools: list[Pool] = Field(default=["mean"], min_length=1)
    """How those outputs become vectors: by their ``mean`` or maximum over all positions, or, of a vision transformer,
    by the class ``token``; each that is named gives a vector."""
    flips: list[Flip] = Field(default=["none"], min_length=1)
    """Flips of each image whose features are stored: ``none`` is the image as it is, and the first.

    The head is fitted to all flips of the training images; it is validated on the images as they
    are, which is what the network sees when it is used."""
    precision: Precision = "auto"
    """``auto`` is bf16 where the processor computes in it and a sample of the images comes out nearly as in
    fp32, else fp32; the log says which."""

    @field_validator("layers", "pools", "flips")
    @classmethod
    def _once(cls, names: list[str]) -> list[str]:
        if len(set(names)) < len(names):
            raise ValueError("each can be named once")
        return names

    @field_validator("flips")
    @classmethod
    def _plain_first(cls, flips: list[Flip]) -> list[Flip]:
        if flips[0] != "none":
            raise ValueError("the first must be none, the image as it is")
        return flips
