"""Random views of a batch: one projective map a picture, then lighting, then erasing."""

import torch

from graft.images.erase import erase, random_rectangles
from graft.images.geometry import random_maps
from graft.images.lighting import light, random_lighting
from graft.images.parallel import share_out
from graft.images.sampler import flipped, sampled
from graft.images.settings import Augment


def augment(
    pixels: torch.Tensor, knobs: Augment, size: int, seed: int, aspects: torch.Tensor | None = None
) -> torch.Tensor:
    """Draw one random view of every picture.

    Args:
        pixels: `[B, S, S, 3]`, uint8, RGB.
        knobs: what to vary and how much.
        size: side of the views.
        seed: of this batch's draws, which are the same on every device.
        aspects: `[B]`, width over height of what each square shows, on the CPU; None where nothing is squeezed.

    Returns:
        `[B, 3, size, size]`, float32 in [0, 1].
    """
    generator, batch = torch.Generator().manual_seed(seed), len(pixels)
    maps = random_maps(knobs, batch, generator, aspects)
    shift, gain = (values.to(pixels.device) for values in random_lighting(knobs.lighting, batch, knobs.p, generator))
    rectangles = random_rectangles(knobs.erase, batch, size, generator)
    only_moved = knobs.only_flips and size == pixels.shape[1]
    maps = maps if only_moved else maps.to(pixels.device)
    views = pixels.new_empty((batch, 3, size, size), dtype=torch.float32)

    def draw(run: slice) -> None:
        out, shifts, gains = views[run], shift[run], gain[run]
        for rows, drawn in flipped(pixels[run], maps[run]) if only_moved else sampled(pixels[run], maps[run], size):
            if knobs.lighting:
                light(drawn, shifts[rows], gains[rows], out=out[rows])
            else:
                torch.div(drawn, 255, out=out[rows])

    share_out(draw, batch, pixels.device)
    erase(views, rectangles)
    return views
