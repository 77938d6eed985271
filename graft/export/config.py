"""The section `export` of params.yaml."""

from pydantic import Field

from graft.core.params import Section


class Int8(Section):
    """A second model in eight-bit integers: smaller, and faster where the processor multiplies them fast."""

    calibrate: int = Field(default=256, ge=16, le=10_000)
    """Number of training images from which the ranges of the activations are read."""
    max_mismatches: float = Field(default=0.05, ge=0, le=1)
    """Largest share of the test images for which the 8-bit model may give another answer than `evaluate` measured."""


class Export(Section):
    """What the bundle holds, and how far its answers may differ from those measured."""

    max_mismatches: int = Field(default=0, ge=0)
    """Number of test images for which the bundle may give another answer than `evaluate` measured."""
    int8: Int8 | None = None
    """Also write a model in 8-bit integers, ``model.int8.onnx``; ``{}`` takes the defaults."""
    timm: bool = False
    """Also write a folder ``timm/`` that timm loads; needs a linear head on the last features."""
