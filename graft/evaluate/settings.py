"""The knobs of the evaluation."""

from pydantic import Field

from graft.model.device import Precision
from graft.params import Section


class Evaluate(Section):
    """What to report."""

    gallery: int = Field(default=24, ge=1, le=500)
    """Pictures a sheet: a random sample, and as many of the costliest mistakes."""
    precision: Precision = "fp32"
    """As the exported bundle computes; bf16 may be faster and flips a few close calls."""
