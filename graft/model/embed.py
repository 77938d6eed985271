"""Store the features of every picture, once: a frozen body is a pure function of the pixels."""

import numpy as np
import torch
from torch import nn

from graft.images.partial import PartialArray
from graft.images.rows import PictureRows
from graft.model.infer import outputs
from graft.model.network import Network
from graft.model.settings import Embed, Flip

MARK_EVERY = 16
"""Batches between two marks of progress."""

AXES: dict[Flip, tuple[int, ...]] = {"none": (), "horizontal": (3,), "vertical": (2,), "both": (2, 3)}
"""What is turned round in views `[B, 3, H, W]`; no pixel is interpolated."""


def turned(views: torch.Tensor, flip: Flip) -> torch.Tensor:
    """Views `[B, 3, H, W]` turned round."""
    return views.flip(AXES[flip]) if AXES[flip] else views


class Flipped(nn.Module):
    """A network that is shown each picture plain and flipped."""

    def __init__(self, network: Network, flips: list[Flip]) -> None:
        super().__init__()
        self.network, self.flips = network, flips

    def forward(self, views: torch.Tensor) -> torch.Tensor:
        """Map views `[B, 3, H, W]` to features `[B, V, D]`, one for each flip."""
        return torch.stack([self.network(turned(views, flip)) for flip in self.flips], dim=1)


def embed(network: Network, pixels: PictureRows, knobs: Embed, into: PartialArray) -> None:
    """Fill `into`, float32 `[N, V, D]`, with the features of every cached picture's views, in its order."""
    rows = np.arange(into.done, len(pixels.paths))
    done = into.done
    flipped = Flipped(network, knobs.flips).eval()
    batches = outputs(flipped, pixels, rows, knobs.view, knobs.precision, "embed")
    for number, batch in enumerate(batches, start=1):
        into.rows[done : done + len(batch)] = batch
        done += len(batch)
        if number % MARK_EVERY == 0:
            into.mark(done)
    into.mark(done)
