"""The knobs of the embedding: what the head sees of the pretrained network."""

from pydantic import Field

from graft.model.device import Precision
from graft.model.pool import Pool
from graft.params import Section


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
    precision: Precision = "auto"
    """``auto`` is bf16 where the processor computes in it, else fp32."""
