"""Draw views of presized pictures: whatever the geometry, each pixel is interpolated once.

A view is a projective map from its own coordinates to the picture's, both from -1 to 1 with the
centre at 0, x to the right and y down. Flips, rotations, zooms, warps and crops are maps too, so any
number of them is one matrix product, and one pass over the pixels.

On a CPU a few pictures are drawn at a time, through buffers that are used again: what a picture needs
then stays in its core's cache.
"""

from collections.abc import Iterator

import torch
import torch.nn.functional as F

AT_ONCE = 2
"""Pictures that a CPU's core draws at a time: with one it does more calls, four no longer fit a cache of 2 MiB."""


def sample(pixels: torch.Tensor, size: int) -> torch.Tensor:
    """Sample the whole of every picture.

    Args:
        pixels: `[B, S, S, 3]`, uint8, RGB.
        size: side of the view in pixels.

    Returns:
        `[B, 3, size, size]`, float32 in [0, 1].
    """
    images = pixels.permute(0, 3, 1, 2).float() / 255
    if size == pixels.shape[1]:
        return images
    return F.interpolate(images, (size, size), mode="bilinear", align_corners=False)


def sampled(pixels: torch.Tensor, maps: torch.Tensor, size: int) -> Iterator[tuple[slice, torch.Tensor]]:
    """Sample one view a picture, some pictures at a time, for more to be done to them while they are in the cache.

    What lies outside the picture mirrors it, once to every side; beyond that, its edge goes on.

    Args:
        pixels: `[B, S, S, 3]`, uint8, RGB.
        maps: `[B, 3, 3]`, float32: from view to picture coordinates.
        size: side of the views in pixels.

    Yields:
        Which pictures, and their views `[b, 3, size, size]`, float32 in [0, 255], which are the
        caller's to change. A view is the same to the bit whatever else is in the batch.
    """
    at_once = min(AT_ONCE, len(pixels)) if pixels.device.type == "cpu" else len(pixels)
    images = torch.empty_like(pixels[:at_once], dtype=torch.float32)
    grids = Grids(maps, size, at_once)
    for start in range(0, len(pixels), at_once):
        rows = slice(start, min(start + at_once, len(pixels)))
        some = images[: rows.stop - rows.start].copy_(pixels[rows]).permute(0, 3, 1, 2)
        yield rows, F.grid_sample(some, grids[rows], mode="bilinear", padding_mode="border", align_corners=False)


def flipped(pixels: torch.Tensor, maps: torch.Tensor) -> Iterator[tuple[slice, torch.Tensor]]:
    """Move pixels where `sampled` would interpolate them: for maps that only flip, at the pictures' own size.

    Yields:
        As `sampled`, one picture at a time.
    """
    for number, ((x_x, x_y), (y_x, y_y)) in enumerate(maps[:, :2, :2].tolist()):
        image = pixels[number].permute(2, 0, 1)
        mirrored = [axis for axis, sign in ((1, y_x + y_y), (2, x_x + x_y)) if sign < 0]
        image = image.flip(mirrored) if mirrored else image
        image = image if x_y == 0 else image.transpose(1, 2)
        yield slice(number, number + 1), image[None].float()


class Grids:
    """Where in the pictures the pixels of some views at a time lie.

    A projective map is linear in homogeneous coordinates, so a grid is a row plus a column.

    Args:
        maps: `[B, 3, 3]`, of all pictures.
        at_once: the most that are asked for in one go.
    """

    def __init__(self, maps: torch.Tensor, size: int, at_once: int) -> None:
        steps = (2 * torch.arange(size, device=maps.device, dtype=torch.float32) + 1) / size - 1
        self._rows = maps[:, :, :1] * steps
        self._columns = maps[:, :, 1:2] * steps + maps[:, :, 2:]
        # where nothing is projected, all distances are 1, and dividing by them changes nothing
        self._projected = not torch.equal(maps[:, 2], maps.new_tensor([0, 0, 1]).expand(len(maps), 3))
        self._grid, self._inside = maps.new_empty((2, at_once, 2, size, size))
        self._distance = maps.new_empty((at_once, 1, size, size))

    def __getitem__(self, rows: slice) -> torch.Tensor:
        """`[b, size, size, 2]`: x and y of every pixel, overwritten by the next call."""
        count = rows.stop - rows.start
        across, down = self._rows[rows, :, None, :], self._columns[rows, :, :, None]
        grid = torch.add(across[:, :2], down[:, :2], out=self._grid[:count])
        if self._projected:
            grid.div_(torch.add(across[:, 2:], down[:, 2:], out=self._distance[:count]))
        # 2 clamp(x) - x: a mirror at -1 and at 1
        grid.lerp_(torch.clamp(grid, -1, 1, out=self._inside[:count]), 2.0)
        return grid.permute(0, 2, 3, 1)
