"""The section `export` of params.yaml."""

from pydantic import Field

from graft.core.params import Section


class Int8(Section):
    """A second model in eight-bit integers: smaller, and faster where the processor multiplies them fast."""

    calibrate: int = Field(default=256, ge=16, le=10_000)
    """Training images from which the ranges of the activations are read."""
    max_mismatches: float = Field(default=0.05, ge=0, le=1)
    """Largest share of the test images that it may answer otherwise than `evaluate` did."""


class Export(Section):
    """What the bundle holds, and how far its answers may differ from those measured."""

    max_mismatches: int = Field(default=0, ge=0)
    """Test images that may get another class, or set of classes, from the bundle than `evaluate` gave them."""
    int8: Int8 | None = None
    """Also write model.int8.onnx; ``{}`` takes the defaults."""
    timm: bool = False
    """Also write timm/: safetensors and a config that timm loads, for a linear head on the last features."""
