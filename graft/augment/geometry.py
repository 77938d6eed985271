"""Random geometry: each image's flip, rotation, zoom, warp and crop as one map, and one pass over its pixels.

A map is projective, from output coordinates to those of the input, both from -1 to 1 with the centre
at 0, x to the right and y down. Any number of changes is one product of matrices, so that each pixel
is interpolated once.
"""

import math
from collections.abc import Iterator

import torch
import torch.nn.functional as F

from graft.augment.config import Augment

ATTEMPTS = 10
"""Draws of a crop before the whole image is taken."""
MAX_RATIO = 4 / 3
"""Largest ratio of a crop's sides, either way."""
AT_ONCE = 2
"""Images that a CPU's core samples at a time, in buffers that are used again: with one it does more calls, four no
longer fit a cache of 2 MiB."""


def random_maps(
    config: Augment, batch: int, generator: torch.Generator, aspects: torch.Tensor | None = None
) -> torch.Tensor:
    """Compose each image's maps into one: `[B, 3, 3]`, float32, output to input coordinates.

    Zoom comes first on a point's way from the output to the input, then rotation, flip and warp, as in
    fastai; a crop last, so that what a rotated output shows beyond it is the image, not its mirror.

    Every parameter draws whatever its value: changing one leaves the draws of the others as they are.

    Args:
        aspects: `[B]`, width over height of what each square shows: a rotation is one of the image itself, not of
            its squeezed square. None where nothing is squeezed.
    """
    zoom = _random_zoom(config.zoom if config.min_scale == 1 else 1.0, batch, config.p, generator)
    angle = spread(math.radians(config.rotate), batch, config.p, generator)  # counter-clockwise, as the image is seen
    cos, sin = torch.cos(angle), torch.sin(angle)
    rotation = _matrices(batch, {(0, 0): cos, (0, 1): -sin, (1, 0): sin, (1, 1): cos})
    flip = _random_flip(config.flip, batch, generator)
    if aspects is not None:
        wide = torch.where(flip[:, 0, 0] == 0, 1 / aspects, aspects)  # transposed, it is as tall
        rotation[:, 0, 1] /= wide
        rotation[:, 1, 0] *= wide
    tilts = [spread(config.warp, batch, config.p, generator) for _ in range(2)]
    crop = _random_crop(config.min_scale, batch, generator)
    return crop @ warp(*tilts) @ flip @ rotation @ zoom


def spread(largest: float, batch: int, p: float, generator: torch.Generator) -> torch.Tensor:
    """Draw `[B]` values from -largest to largest, a share `1 - p` of them 0."""
    draws: torch.Tensor = torch.rand((2, batch), generator=generator)
    return (2 * draws[0] - 1) * largest * (draws[1] < p)


def warp(across: torch.Tensor, along: torch.Tensor) -> torch.Tensor:
    """Perspective maps `[B, 3, 3]`.

    The output's left edge shows the input's left side `1 + across` times as long and its right edge
    the right side `1 - across` times, the top and bottom edges likewise with `along`: the input's
    corner (x, y) stands in the output at (x - along x y, y - across x y).

    Args:
        across, along: `[B]`, -0.5 to 0.5.

    Source: fastai 2, `Warp`, whose eight equations an image this solves in closed form.
    """
    left = 1 - across**2 - along**2
    # the inverse of [[1 - along², -across along, across], [-across along, 1 - across², along], [across, along, 1]]
    shear = 2 * across * along / left
    towards_x = -across * (1 - across**2 + along**2) / left
    towards_y = -along * (1 + across**2 - along**2) / left
    entries = {(0, 1): shear, (1, 0): shear, (0, 2): towards_x, (2, 0): towards_x, (1, 2): towards_y, (2, 1): towards_y}
    return _matrices(len(across), entries)


def _random_zoom(largest: float, batch: int, p: float, generator: torch.Generator) -> torch.Tensor:
    """Enlarge by 1 to `largest`, about a centre drawn from those that stay within the image."""
    value, whether, x, y = torch.rand((4, batch), generator=generator)
    side = 1 / (1 + value * (largest - 1) * (whether < p))
    return _window(side, side, x, y)


def _random_crop(min_scale: float, batch: int, generator: torch.Generator) -> torch.Tensor:
    """Draw crops: area, then ratio of the sides, again where they do not fit, the whole image at last.

    Source: fastai 2, `RandomResizedCrop`, without its rounding to whole pixels.
    """
    areas, ratios = torch.rand((2, ATTEMPTS, batch), generator=generator)
    x, y = torch.rand((2, batch), generator=generator)
    if min_scale == 1:
        return _matrices(batch, {})
    areas = min_scale + (1 - min_scale) * areas
    ratios = torch.exp((2 * ratios - 1) * math.log(MAX_RATIO))
    widths, heights = (areas * ratios).sqrt(), (areas / ratios).sqrt()
    fits = (widths <= 1) & (heights <= 1)
    first = fits.byte().argmax(0, keepdim=True)
    found = fits.any(0)
    width, height = (torch.where(found, sides.gather(0, first)[0], 1.0) for sides in (widths, heights))
    return _window(width, height, x, y)


def _window(width: torch.Tensor, height: torch.Tensor, x: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
    """Maps to windows of the image: sides as shares of its own, positions 0 to 1 of where they fit."""
    return _matrices(
        len(width),
        {(0, 0): width, (1, 1): height, (0, 2): (1 - width) * (2 * x - 1), (1, 2): (1 - height) * (2 * y - 1)},
    )


def _random_flip(kind: str, batch: int, generator: torch.Generator) -> torch.Tensor:
    """Draw flips: signs of x and y, and whether the two are exchanged."""
    mirror_x, mirror_y, transpose = torch.randint(0, 2, (3, batch), generator=generator).float()
    sign_x = 1 - 2 * mirror_x * (kind in ("horizontal", "both", "dihedral"))
    sign_y = 1 - 2 * mirror_y * (kind in ("vertical", "both", "dihedral"))
    swap = transpose * (kind == "dihedral")
    entries = {(0, 0): sign_x * (1 - swap), (0, 1): sign_x * swap}
    return _matrices(batch, entries | {(1, 0): sign_y * swap, (1, 1): sign_y * (1 - swap)})


def _matrices(batch: int, entries: dict[tuple[int, int], torch.Tensor]) -> torch.Tensor:
    """Identity matrices `[B, 3, 3]` with some entries replaced, one value an image."""
    matrices = torch.eye(3).repeat(batch, 1, 1)
    for (row, column), values in entries.items():
        matrices[:, row, column] = values
    return matrices


def is_projective(maps: torch.Tensor) -> bool:
    """Whether any of `[B, 3, 3]` is more than affine; on a GPU the answer would be waited for, so ask on the CPU."""
    return not torch.equal(maps[:, 2], maps.new_tensor([0, 0, 1]).expand(len(maps), 3))


def sample(
    pixels: torch.Tensor, maps: torch.Tensor, size: int, projected: bool = True
) -> Iterator[tuple[slice, torch.Tensor]]:
    """Sample every image through its map, some images at a time, for more to be done to them while in the cache.

    What lies outside the image mirrors it, once to every side; beyond that, its edge goes on.

    Args:
        pixels: `[B, S, S, 3]`, uint8, RGB.
        maps: `[B, 3, 3]`, float32: from output to input coordinates.
        size: side of the outputs in pixels.
        projected: as `is_projective` says; where no map is, all distances are 1, and dividing by them changes nothing.

    Yields:
        Which images, and their outputs `[b, 3, size, size]`, float32 in [0, 255], which are the
        caller's to change. An output is the same to the bit whatever else is in the batch.
    """
    at_once = min(AT_ONCE, len(pixels)) if pixels.device.type == "cpu" else len(pixels)
    images = torch.empty_like(pixels[:at_once], dtype=torch.float32)
    # a projective map is linear in homogeneous coordinates, so where the outputs' pixels lie is a row plus a column
    steps = (2 * torch.arange(size, device=maps.device, dtype=torch.float32) + 1) / size - 1
    across, down = maps[:, :, None, :1] * steps, (maps[:, :, 1:2] * steps + maps[:, :, 2:])[..., None]
    grids, inside = maps.new_empty((2, at_once, 2, size, size))
    distance = maps.new_empty((at_once, 1, size, size))
    for start in range(0, len(pixels), at_once):
        rows = slice(start, min(start + at_once, len(pixels)))
        count = rows.stop - rows.start
        grid = torch.add(across[rows, :2], down[rows, :2], out=grids[:count])  # x and y, [b, 2, size, size]
        if projected:
            grid.div_(torch.add(across[rows, 2:], down[rows, 2:], out=distance[:count]))
        # 2 clamp(x) - x: a mirror at -1 and at 1
        grid.lerp_(torch.clamp(grid, -1, 1, out=inside[:count]), 2.0)
        grid = grid.permute(0, 2, 3, 1)
        some = images[:count].copy_(pixels[rows]).permute(0, 3, 1, 2)
        yield rows, F.grid_sample(some, grid, mode="bilinear", padding_mode="border", align_corners=False)


def flip_pixels(pixels: torch.Tensor, maps: torch.Tensor) -> Iterator[tuple[slice, torch.Tensor]]:
    """Move pixels where `sample` would interpolate them: for maps that only flip, at the images' own size.

    Yields:
        As `sample`, on a CPU one image at a time.
    """
    if pixels.device.type != "cpu":
        yield slice(0, len(pixels)), flip_together(pixels, maps).float()
        return
    for number, ((x_x, x_y), (y_x, y_y)) in enumerate(maps[:, :2, :2].tolist()):
        image = pixels[number].permute(2, 0, 1)
        mirrored = [axis for axis, sign in ((1, y_x + y_y), (2, x_x + x_y)) if sign < 0]
        image = image.flip(mirrored) if mirrored else image
        image = image if x_y == 0 else image.transpose(1, 2)
        yield slice(number, number + 1), image[None].float()


def flip_together(pixels: torch.Tensor, maps: torch.Tensor) -> torch.Tensor:
    """Move pixels `[B, S, S, 3]` as `flip_pixels` does, all at once and with no look at the maps: `[B, 3, S, S]`."""
    images = pixels.permute(0, 3, 1, 2)
    (x_x, x_y), (y_x, y_y) = maps[:, :2, :2].permute(1, 2, 0)[..., None, None, None]  # [B, 1, 1, 1] each
    images = torch.where(y_x + y_y < 0, images.flip(2), images)
    images = torch.where(x_x + x_y < 0, images.flip(3), images)
    return torch.where(x_y != 0, images.mT, images)
