"""The section `export` of params.yaml."""

from pydantic import Field, field_validator

from graft.core.errors import nearest
from graft.core.params import Section
from graft.export.formats import NAMES


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
    max_encoding_mismatches: float = Field(default=0.01, ge=0, le=1)
    """Where `presize.store` is ``jpeg``: largest share of the test images that may get another answer than `evaluate`
    measured once nothing encodes them, as when the bundle serves. With that encoding, `max_mismatches` holds."""
    int8: Int8 | None = None
    """Also write a model in 8-bit integers, ``model.int8.onnx``; ``{}`` takes the defaults."""
    formats: list[str] = []
    """Further formats beside ONNX, each a folder of the bundle: ``timm`` (what ``timm.create_model`` loads; it needs
    a linear head on the last features), ``openvino`` (for Intel's processors, with a model in eight bits where `int8`
    is set; needs the extra of that name, and ``openvino-int8``), ``coreml`` (for Apple's systems; needs the extra of
    that name; it cannot be run elsewhere, so its answers are not compared with those measured)."""

    @field_validator("formats")
    @classmethod
    def _check_formats(cls, formats: list[str]) -> list[str]:
        if unknown := [name for name in formats if name not in NAMES]:
            raise ValueError(f"no format {unknown[0]!r}{nearest(unknown[0], NAMES)}; there are {', '.join(NAMES)}")
        return formats
