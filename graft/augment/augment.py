"""Random erasing: a rectangle of a view is lost to the view's mean colour."""

import functools
import math
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise
from threading import Barrier

import torch

from graft.augment.config import Augment
from graft.augment.geometry import random_maps, spread
from graft.network.resample import flipped, sampled


def share_out(work: Callable[[slice], None], count: int, device: torch.device) -> None:
    """Do `work` for `count` pictures, in as many runs as torch has threads on a CPU, else in one.

    Args:
        work: is given which pictures; what it does to one must not depend on the others.
    """
    threads = min(torch.get_num_threads(), count) if device.type == "cpu" else 1
    if threads <= 1:
        work(slice(0, count))
        return
    ends = [count * number // threads for number in range(threads + 1)]
    list(_workers(torch.get_num_threads()).map(work, (slice(*run) for run in pairwise(ends))))


@functools.cache
def _workers(threads: int) -> ThreadPoolExecutor:
    """Threads in each of which torch computes alone."""
    ready = Barrier(threads + 1)

    def start() -> None:
        torch.get_num_threads()  # the first call in a thread sets it up, over what was set before
        torch.set_num_threads(1)  # of this thread
        ready.wait()

    pool = ThreadPoolExecutor(threads, "views", start)
    for _ in range(threads):
        pool.submit(int)
    ready.wait()
    torch.set_num_threads(threads)  # again what threads yet to come begin with
    return pool


SMALLEST, LARGEST = 0.02, 0.33
"""Share of the view's area."""

RATIO = 3.3
"""Largest ratio of the rectangle's sides, either way."""


Rectangles = dict[int, tuple[slice, slice]]
"""Rows and columns, by the number of the view in its batch."""


def random_rectangles(share: float, batch: int, size: int, generator: torch.Generator) -> Rectangles:
    """Draw which views lose a rectangle, and which rows and columns: all of it inside the view.

    Args:
        share: of the views, 0 to 1.
        size: side of the views.

    Source: Zhong et al. 2020, Random Erasing Data Augmentation.
    """
    whether, area, ratio, y, x = torch.rand((5, batch), generator=generator)
    area = SMALLEST + (LARGEST - SMALLEST) * area
    ratio = torch.exp((2 * ratio - 1) * math.log(RATIO))
    # a side that would be longer than the view is as long as the view
    heights, widths = ((size * (area * r).sqrt()).round().clamp(1, size) for r in (ratio, 1 / ratio))
    tops, lefts = (((size - side + 1) * place).floor() for side, place in ((heights, y), (widths, x)))
    sides = torch.stack([tops, tops + heights, lefts, lefts + widths]).int().T.tolist()
    hit = (whether < share).nonzero()[:, 0].tolist()
    return {number: (slice(*sides[number][:2]), slice(*sides[number][2:])) for number in hit}


def erase(views: torch.Tensor, rectangles: Rectangles) -> None:
    """Fill rectangles of views `[B, 3, H, W]` with each view's mean colour, in place."""
    for number, (rows, columns) in rectangles.items():
        view = views[number]
        view[:, rows, columns] = view.mean((1, 2), keepdim=True)


DARKEST = 1e-7
"""Black and white have no logit; they count as this far from 0 and 1."""


def random_lighting(
    largest: float, batch: int, p: float, generator: torch.Generator
) -> tuple[torch.Tensor, torch.Tensor]:
    """Draw a change of brightness and one of contrast for every picture.

    Args:
        largest: 0 to 1; at 0.2, mid-grey comes to lie between 0.4 and 0.6, and contrast between 0.8 and 1.25.

    Returns:
        Shift and gain of the logits, `[B, 1, 1, 1]`.
    """
    grey = 0.5 + spread(0.5 * largest, batch, p, generator)
    gain = torch.exp(spread(-math.log(1 - largest), batch, p, generator))
    return torch.logit(grey)[:, None, None, None], gain[:, None, None, None]


def light(views: torch.Tensor, shift: torch.Tensor, gain: torch.Tensor, out: torch.Tensor) -> None:
    """Change brightness, then contrast.

    Args:
        views: `[B, 3, H, W]`, float32 in [0, 255]; used up.
        shift: `[B, 1, 1, 1]`, added to the logits.
        gain: `[B, 1, 1, 1]`, what they are then multiplied by.
        out: `[B, 3, H, W]`, float32: where the views go, in [0, 1].

    Source: fastai 2, `Brightness` and `Contrast`.
    """
    logits = views.mul_(1 / 255).logit_(DARKEST).add_(shift).mul_(gain)
    torch.sigmoid(logits, out=out)


def augment(
    pixels: torch.Tensor, config: Augment, size: int, seed: int, aspects: torch.Tensor | None = None
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
    maps = random_maps(config, batch, generator, aspects)
    shift, gain = (values.to(pixels.device) for values in random_lighting(config.lighting, batch, config.p, generator))
    rectangles = random_rectangles(config.erase, batch, size, generator)
    only_moved = config.only_flips and size == pixels.shape[1]
    maps = maps if only_moved else maps.to(pixels.device)
    views = pixels.new_empty((batch, 3, size, size), dtype=torch.float32)

    def draw(run: slice) -> None:
        out, shifts, gains = views[run], shift[run], gain[run]
        for rows, drawn in flipped(pixels[run], maps[run]) if only_moved else sampled(pixels[run], maps[run], size):
            if config.lighting:
                light(drawn, shifts[rows], gains[rows], out=out[rows])
            else:
                torch.div(drawn, 255, out=out[rows])

    share_out(draw, batch, pixels.device)
    erase(views, rectangles)
    return views
