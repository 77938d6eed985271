"""Random erasing: a rectangle of a view is lost to the view's mean colour."""

import math

import torch

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
