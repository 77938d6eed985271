"""The knobs of the index."""

from typing import Literal

from pydantic import Field

from graft.core.params import Section
from graft.index.hamming import Near


class Index(Section):
    """What the index accepts, and what it takes for a copy."""

    only: list[str] = []
    """Patterns of paths (``*/images/*``; ``*`` stands for anything, slashes too), one of which a picture's must
    match; other files are left aside. None: all."""
    on_bad: Literal["skip", "fail"] = "skip"
    """What a file does that should be a picture and cannot be used: be left out, or stop the run."""
    max_bad: float = Field(default=0.1, ge=0, le=1)
    """Largest share of such files, past which the run stops even when they are to be skipped."""
    near: Near | Literal["off"] = Near()
    """What counts as a near duplicate; ``off``: only equal pixels do."""
