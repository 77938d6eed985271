"""The section `index` of params.yaml."""

from fnmatch import fnmatchcase
from typing import Literal

from pydantic import Field, field_validator

from graft.core.params import Section

Wanted = Literal["auto", 8, 10, 12, 14, 16] | list[float]
"""Bits, or a range of values."""


class NearDuplicates(Section):
    """When two images that are not equal count as copies of one; the defaults rarely need a change."""

    distance: int = Field(default=8, ge=0, le=8)
    """Bits of 64 in which perceptual hashes may differ for two images to be compared at all."""
    tolerance: float = Field(default=0.05, gt=0, le=0.2)
    """How far two thumbnails may differ, as a share of their contrast, beyond what brightness,
    contrast and a cropped border explain. Lower it when different images are tied."""


class Regions(Section):
    """Boxes that count as images of their own, in the place of the images that they lie in."""

    file: str
    """The table, below the source: a CSV with the columns path, x, y, w and h, in pixels of the upright image from its
    upper left corner, and label where `labels.rule` is ``regions``."""
    margin: float = Field(default=0.0, ge=0, le=2)
    """Share of its sides by which each box is widened at every end, as far as the image goes; `graft predict --margin`
    does the same."""


class Index(Section):
    """What the index accepts, and what it takes for a copy."""

    only: list[str] = []
    """Patterns of paths, from ``/`` at the top of the source on (``*/images/*``; ``*`` stands for anything, slashes
    too). A file that matches one with ``!`` before it (``!*/masks/*``) is left out, and, if there are others, one
    that matches none of those. An empty list: all files."""
    regions: Regions | None = None
    """Boxes that are classified each on its own; an image without one is left out, and all of one image share a
    split."""
    on_bad: Literal["skip", "fail"] = "skip"
    """What happens to a file that should be an image and cannot be used: it is left out, or stops the run."""
    max_bad: float = Field(default=0.1, ge=0, le=1)
    """Largest share of such files: above it the run stops even with ``skip``."""
    depth: Wanted = "auto"
    """Which values of images of more than eight bits are black and white, one choice for all of them: bits, of which
    all are used, or a range such as [-1000, 3000]; ``auto`` looks at the values of all files. Images of eight bits
    stay as they are."""
    near_duplicates: NearDuplicates | Literal["off"] = NearDuplicates()
    """What counts as a near duplicate; ``off``: only equal pixels do."""

    @field_validator("depth")
    @classmethod
    def _black_below_white(cls, depth: object) -> object:
        if isinstance(depth, list) and not (len(depth) == 2 and depth[0] < depth[1]):
            raise ValueError(f"expected two numbers, of black and of white, such as [0, 4095]; got {depth}")
        return depth

    def takes(self, path: str) -> bool:
        """Whether the patterns let a path in; one may begin with or without the slash at the top."""
        places = (path, f"/{path}")
        out = [pattern[1:] for pattern in self.only if pattern.startswith("!")]
        within = [pattern for pattern in self.only if not pattern.startswith("!")]
        if any(fnmatchcase(place, pattern) for pattern in out for place in places):
            return False
        return not within or any(fnmatchcase(place, pattern) for pattern in within for place in places)
