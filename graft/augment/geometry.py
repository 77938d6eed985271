"""Random geometry: each picture's flips, turn, zoom, warp and crop as one projective map."""

import math

import torch

from graft.augment.config import Augment

ATTEMPTS = 10
RATIO = 4 / 3
"""Largest ratio of a crop's sides, either way."""


def random_maps(
    config: Augment, batch: int, generator: torch.Generator, aspects: torch.Tensor | None = None
) -> torch.Tensor:
    """Compose each picture's maps into one: `[B, 3, 3]`, float32, view to picture coordinates.

    Zoom comes first on a point's way from the view to the picture, then rotation, flip and warp, as
    in fastai; a crop last, so that what a turned view shows beyond it is picture, not a mirror image.

    Every knob draws whatever its value: changing one leaves the draws of the others as they are.

    Args:
        aspects: `[B]`, width over height of what each square shows: a turn is one of the picture itself, not of
            its squeezed square. None where nothing is squeezed.
    """
    zoom = _random_zoom(config.zoom if config.min_scale == 1 else 1.0, batch, config.p, generator)
    turn = _rotation(spread(math.radians(config.rotate), batch, config.p, generator))
    flip = _random_flip(config.flip, batch, generator)
    if aspects is not None:
        wide = torch.where(flip[:, 0, 0] == 0, 1 / aspects, aspects)  # a view whose axes change places is as tall
        turn[:, 0, 1] /= wide
        turn[:, 1, 0] *= wide
    tilts = [spread(config.warp, batch, config.p, generator) for _ in range(2)]
    crop = _random_crop(config.min_scale, batch, generator)
    return crop @ warp(*tilts) @ flip @ turn @ zoom


def spread(largest: float, batch: int, p: float, generator: torch.Generator) -> torch.Tensor:
    """Draw `[B]` values from -largest to largest, a share `1 - p` of them 0."""
    draws: torch.Tensor = torch.rand((2, batch), generator=generator)
    return (2 * draws[0] - 1) * largest * (draws[1] < p)


def warp(across: torch.Tensor, along: torch.Tensor) -> torch.Tensor:
    """Perspective maps `[B, 3, 3]`.

    The view's left edge shows the picture's left side `1 + across` times as long and its right edge
    the right side `1 - across` times, the top and bottom edges likewise with `along`: the picture's
    corner (x, y) stands in the view at (x - along x y, y - across x y).

    Args:
        across: `[B]`, -0.5 to 0.5.
        along: `[B]`, -0.5 to 0.5.

    Source: fastai 2, `Warp`, whose eight equations a picture this solves in closed form.
    """
    left = 1 - across**2 - along**2
    # the inverse of [[1 - along², -across along, across], [-across along, 1 - across², along], [across, along, 1]]
    shear = 2 * across * along / left
    towards_x = -across * (1 - across**2 + along**2) / left
    towards_y = -along * (1 + across**2 - along**2) / left
    entries = {(0, 1): shear, (1, 0): shear, (0, 2): towards_x, (2, 0): towards_x, (1, 2): towards_y, (2, 1): towards_y}
    return _matrices(len(across), entries)


def _random_zoom(largest: float, batch: int, p: float, generator: torch.Generator) -> torch.Tensor:
    """Enlarge by 1 to `largest`, about a place drawn from those that stay within the picture."""
    value, whether, x, y = torch.rand((4, batch), generator=generator)
    side = 1 / (1 + value * (largest - 1) * (whether < p))
    return _window(side, side, x, y)


def _random_crop(min_scale: float, batch: int, generator: torch.Generator) -> torch.Tensor:
    """Draw crops: area, then ratio of the sides, again where they do not fit, the whole picture at last.

    Source: fastai 2, `RandomResizedCrop`, without its rounding to whole pixels.
    """
    areas, ratios = torch.rand((2, ATTEMPTS, batch), generator=generator)
    x, y = torch.rand((2, batch), generator=generator)
    if min_scale == 1:
        return _matrices(batch, {})
    areas = min_scale + (1 - min_scale) * areas
    ratios = torch.exp((2 * ratios - 1) * math.log(RATIO))
    widths, heights = (areas * ratios).sqrt(), (areas / ratios).sqrt()
    fits = (widths <= 1) & (heights <= 1)
    first = fits.byte().argmax(0, keepdim=True)
    found = fits.any(0)
    width, height = (torch.where(found, sides.gather(0, first)[0], 1.0) for sides in (widths, heights))
    return _window(width, height, x, y)


def _window(width: torch.Tensor, height: torch.Tensor, x: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
    """Maps to windows of the picture: sides as shares of its own, places 0 to 1 of where they fit."""
    return _matrices(
        len(width),
        {(0, 0): width, (1, 1): height, (0, 2): (1 - width) * (2 * x - 1), (1, 2): (1 - height) * (2 * y - 1)},
    )


def _rotation(angle: torch.Tensor) -> torch.Tensor:
    """Turns counter-clockwise by `[B]` radians, as the picture is seen."""
    cos, sin = torch.cos(angle), torch.sin(angle)
    return _matrices(len(angle), {(0, 0): cos, (0, 1): -sin, (1, 0): sin, (1, 1): cos})


def _random_flip(kind: str, batch: int, generator: torch.Generator) -> torch.Tensor:
    """Draw flips: signs of x and y, and whether the two change places."""
    mirror_x, mirror_y, transpose = torch.randint(0, 2, (3, batch), generator=generator).float()
    sign_x = 1 - 2 * mirror_x * (kind in ("horizontal", "both", "dihedral"))
    sign_y = 1 - 2 * mirror_y * (kind in ("vertical", "both", "dihedral"))
    swap = transpose * (kind == "dihedral")
    entries = {(0, 0): sign_x * (1 - swap), (0, 1): sign_x * swap}
    return _matrices(batch, entries | {(1, 0): sign_y * swap, (1, 1): sign_y * (1 - swap)})


def _matrices(batch: int, entries: dict[tuple[int, int], torch.Tensor]) -> torch.Tensor:
    """Identity matrices `[B, 3, 3]` with some entries replaced, one value a picture."""
    matrices = torch.eye(3).repeat(batch, 1, 1)
    for (row, column), values in entries.items():
        matrices[:, row, column] = values
    return matrices
