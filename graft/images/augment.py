"""Random views of a batch: one projective map a picture, then lighting."""

import math
from typing import Literal

import torch
from pydantic import Field

from graft.images.sampler import sample
from graft.params import Section


class Augment(Section):
    """How training pictures are varied; every strength is a largest value, drawn uniformly."""

    flip: Literal["none", "horizontal", "both", "dihedral"] = "horizontal"
    """``both``: left-right, up-down, or both at once; ``dihedral``: quarter turns as well, eight in all."""
    rotate: float = Field(default=10.0, ge=0, le=180)
    """Degrees, to either side."""
    zoom: float = Field(default=1.1, ge=1, le=4)
    """Largest enlargement; the view's centre then wanders within what is left of the picture."""
    warp: float = Field(default=0.0, ge=0, le=0.5)
    """Perspective: how much nearer one edge may come, as a share of the distance."""
    lighting: float = Field(default=0.2, ge=0, lt=1)
    """Change of brightness and contrast, to either side."""
    p: float = Field(default=0.75, ge=0, le=1)
    """Share of pictures that rotation, zoom and warp each touch, and that lighting touches."""


def augment(pixels: torch.Tensor, knobs: Augment, size: int, seed: int) -> torch.Tensor:
    """Draw one random view of every picture.

    Args:
        pixels: `[B, S, S, 3]`, uint8, RGB.
        knobs: what to vary and how much.
        size: side of the views.
        seed: of this batch's draws, which are the same on every device.

    Returns:
        `[B, 3, size, size]`, float32 in [0, 1].
    """
    generator = torch.Generator().manual_seed(seed)
    batch = len(pixels)
    maps = random_maps(knobs, batch, generator).to(pixels.device)
    views = sample(pixels, maps, size)
    if knobs.lighting == 0:
        return views
    shift, log_gain = _spread(knobs.lighting, 2, batch, knobs.p, generator).to(pixels.device)
    gain = torch.exp(log_gain)[:, None, None, None]
    # contrast about mid-grey, then brightness
    varied: torch.Tensor = ((views - 0.5) * gain + 0.5 + 0.5 * shift[:, None, None, None]).clamp_(0, 1)
    return varied


def random_maps(knobs: Augment, batch: int, generator: torch.Generator) -> torch.Tensor:
    """Compose each picture's maps into one: `[B, 3, 3]`, float32, view to picture coordinates."""
    angle = _spread(math.radians(knobs.rotate), 1, batch, knobs.p, generator)[0]
    zoom = torch.exp(_spread(math.log(knobs.zoom), 1, batch, knobs.p, generator)[0].abs())
    wander = (2 * torch.rand((2, batch), generator=generator) - 1) * (1 - 1 / zoom)
    tilt = _spread(knobs.warp, 2, batch, knobs.p, generator)
    maps = _flips(knobs.flip, batch, generator)
    maps = _matrices(batch, {(2, 0): tilt[0], (2, 1): tilt[1]}) @ maps
    maps = _matrices(batch, {(0, 0): 1 / zoom, (1, 1): 1 / zoom, (0, 2): wander[0], (1, 2): wander[1]}) @ maps
    cos, sin = torch.cos(angle), torch.sin(angle)
    return _matrices(batch, {(0, 0): cos, (0, 1): -sin, (1, 0): sin, (1, 1): cos}) @ maps


def _flips(kind: str, batch: int, generator: torch.Generator) -> torch.Tensor:
    """Draw flips: signs of x and y, and whether the two change places."""
    mirror_x, mirror_y, transpose = torch.randint(0, 2, (3, batch), generator=generator).float()
    if kind == "none":
        return torch.eye(3).repeat(batch, 1, 1)
    sign_x = 1 - 2 * mirror_x
    if kind == "horizontal":
        return _matrices(batch, {(0, 0): sign_x})
    sign_y = 1 - 2 * mirror_y
    if kind == "both":
        return _matrices(batch, {(0, 0): sign_x, (1, 1): sign_y})
    straight = 1 - transpose
    entries = {(0, 0): sign_x * straight, (0, 1): sign_x * transpose}
    return _matrices(batch, entries | {(1, 0): sign_y * transpose, (1, 1): sign_y * straight})


def _matrices(batch: int, entries: dict[tuple[int, int], torch.Tensor]) -> torch.Tensor:
    """Identity matrices `[B, 3, 3]` with some entries replaced, one value a picture."""
    matrices = torch.eye(3).repeat(batch, 1, 1)
    for (row, column), values in entries.items():
        matrices[:, row, column] = values
    return matrices


def _spread(largest: float, kinds: int, batch: int, p: float, generator: torch.Generator) -> torch.Tensor:
    """Draw `[kinds, B]` values from -largest to largest, a share `1 - p` of them 0."""
    values = (2 * torch.rand((kinds, batch), generator=generator) - 1) * largest
    return values * (torch.rand((kinds, batch), generator=generator) < p)
