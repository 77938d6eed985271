"""The knobs of the export."""

from pydantic import Field

from graft.core.params import Section


class Int8(Section):
    """A second graph in eight-bit integers: smaller, and faster where the processor multiplies them fast."""

    calibrate: int = Field(default=256, ge=16, le=10_000)
    """Training pictures from which the ranges of the activations are read."""
    max_flips: float = Field(default=0.05, ge=0, le=1)
    """Largest share of the test pictures that it may answer otherwise than `evaluate` did."""


class Export(Section):
    """What the bundle holds, and must live up to."""

    max_flips: int = Field(default=0, ge=0)
    """Test pictures that may get another class, or set of classes, from the bundle than `evaluate` gave them."""
    int8: Int8 | None = None
    """Also write model.int8.onnx; ``{}`` takes the defaults."""
    timm: bool = False
    """Also write timm/: safetensors and a config that timm loads, for a linear head on the last features."""
