"""Augment a batch on its device: geometry in one sampling, lighting and erasing in the same pass."""

import functools
import math
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise
from threading import Barrier

import torch

from graft.augment.config import Augment
from graft.augment.geometry import flip_pixels, is_projective, random_maps, sample, spread
from graft.network.device import send
from graft.optim.batches import Part


def augment(
    pixels: torch.Tensor,
    config: Augment,
    size: int,
    seed: int,
    aspects: torch.Tensor | None = None,
    part: Part | None = None,
) -> torch.Tensor:
    """Vary every image at random, once.

    Args:
        pixels: `[B, S, S, 3]`, uint8, RGB.
        config: what to vary and how much.
        size: side of the outputs.
        seed: of this batch's draws, which are the same on every device.
        aspects: `[B]`, width over height of what each square shows, on the CPU; None where nothing is squeezed.
        part: which images of a batch these are, if not all: they are varied as if all were here, and `aspects` is of
            the whole batch.

    Returns:
        `[B, 3, size, size]`, float32 in [0, 1].
    """
    generator, batch = torch.Generator().manual_seed(seed), len(pixels)
    drawn = part.whole if part else batch
    maps = random_maps(config, drawn, generator, aspects)
    shift, gain = random_lighting(config.lighting, drawn, config.p, generator)
    rectangles = random_rectangles(config.erase, drawn, size, generator)
    only_flips = config.only_flips and size == pixels.shape[1]
    projected = is_projective(maps)
    if part:
        maps, shift, gain = (draws[part.seen] for draws in (maps, shift, gain))
        rectangles = {here: rectangles[there] for here, there in enumerate(part.seen) if there in rectangles}
    maps, shift, gain = send([maps, shift, gain], pixels.device)
    images = pixels.new_empty((batch, 3, size, size), dtype=torch.float32)

    def work(part: slice) -> None:
        out, shifts, gains = images[part], shift[part], gain[part]
        if only_flips:
            moved = flip_pixels(pixels[part], maps[part])
        else:
            moved = sample(pixels[part], maps[part], size, projected)
        for rows, values in moved:  # values in [0, 255]
            if config.lighting:
                light(values, shifts[rows], gains[rows], out=out[rows])
            else:
                torch.div(values, 255, out=out[rows])

    share_out(work, batch, pixels.device)
    erase(images, rectangles)
    return images


DARKEST = 1e-7
"""Black and white have no logit; they count as this far from 0 and 1."""


def random_lighting(
    largest: float, batch: int, p: float, generator: torch.Generator
) -> tuple[torch.Tensor, torch.Tensor]:
    """Draw a change of brightness and one of contrast for every image.

    Args:
        largest: 0 to 1; at 0.2, mid-grey comes to lie between 0.4 and 0.6, and contrast between 0.8 and 1.25.

    Returns:
        Shift and gain of the logits, `[B, 1, 1, 1]`.
    """
    grey = 0.5 + spread(0.5 * largest, batch, p, generator)
    gain = torch.exp(spread(-math.log(1 - largest), batch, p, generator))
    return torch.logit(grey)[:, None, None, None], gain[:, None, None, None]


def light(images: torch.Tensor, shift: torch.Tensor, gain: torch.Tensor, out: torch.Tensor) -> None:
    """Change brightness, then contrast.

    Args:
        images: `[B, 3, H, W]`, float32 in [0, 255]; used up.
        shift: `[B, 1, 1, 1]`, added to the logits.
        gain: `[B, 1, 1, 1]`, what they are then multiplied by.
        out: `[B, 3, H, W]`, float32: where the images go, in [0, 1].

    Source: fastai 2, `Brightness` and `Contrast`.
    """
    logits = images.mul_(1 / 255).logit_(DARKEST).add_(shift).mul_(gain)
    torch.sigmoid(logits, out=out)


MIN_AREA, MAX_AREA = 0.02, 0.33
"""Share of the image that is erased."""
MAX_RATIO = 3.3
"""Largest ratio of the rectangle's sides, either way."""
Rectangles = dict[int, tuple[slice, slice]]
"""Rows and columns, by the index of the image in its batch."""


def random_rectangles(share: float, batch: int, size: int, generator: torch.Generator) -> Rectangles:
    """Draw which images lose a rectangle, and which rows and columns: all of it inside the image.

    Args:
        share: of the images, 0 to 1.
        size: side of the images.

    Source: Zhong et al. 2020, Random Erasing Data Augmentation.
    """
    whether, area, ratio, y, x = torch.rand((5, batch), generator=generator)
    area = MIN_AREA + (MAX_AREA - MIN_AREA) * area
    ratio = torch.exp((2 * ratio - 1) * math.log(MAX_RATIO))
    # a side that would be longer than the image is as long as the image
    heights, widths = ((size * (area * r).sqrt()).round().clamp(1, size) for r in (ratio, 1 / ratio))
    tops, lefts = (((size - side + 1) * where).floor() for side, where in ((heights, y), (widths, x)))
    sides = torch.stack([tops, tops + heights, lefts, lefts + widths]).int().T.tolist()
    hit = (whether < share).nonzero()[:, 0].tolist()
    return {number: (slice(*sides[number][:2]), slice(*sides[number][2:])) for number in hit}


def erase(images: torch.Tensor, rectangles: Rectangles) -> None:
    """Fill rectangles of images `[B, 3, H, W]` with each image's mean colour, in place."""
    for number, (rows, columns) in rectangles.items():
        image = images[number]
        image[:, rows, columns] = image.mean((1, 2), keepdim=True)


def share_out(work: Callable[[slice], None], count: int, device: torch.device) -> None:
    """Do `work` for `count` images, in as many parts as torch has threads on a CPU, else in one.

    Args:
        work: is given which images; what it does to one must not depend on the others.
    """
    threads = min(torch.get_num_threads(), count) if device.type == "cpu" else 1
    if threads <= 1:
        work(slice(0, count))
        return
    ends = [count * number // threads for number in range(threads + 1)]
    list(_workers(torch.get_num_threads()).map(work, (slice(*part) for part in pairwise(ends))))


@functools.cache
def _workers(threads: int) -> ThreadPoolExecutor:
    """Threads in each of which torch computes alone."""
    ready = Barrier(threads + 1)

    def start() -> None:
        torch.get_num_threads()  # the first call in a thread sets it up, over what was set before
        torch.set_num_threads(1)  # of this thread
        ready.wait()

    pool = ThreadPoolExecutor(threads, "augment", start)
    for _ in range(threads):
        pool.submit(int)
    ready.wait()
    torch.set_num_threads(threads)  # again what threads yet to come begin with
    return pool
