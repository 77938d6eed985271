"""Draw views of presized pictures: whatever the geometry, each pixel is interpolated once.

A view is a projective map from its own coordinates to the picture's, both from -1 to 1 with the
centre at 0, x to the right and y down. Flips, rotations, zooms and warps are maps too, so any
number of them is one matrix product, and one pass over the pixels.
"""

import torch
import torch.nn.functional as F


def sample(pixels: torch.Tensor, maps: torch.Tensor | None, size: int) -> torch.Tensor:
    """Sample one square view a picture.

    Args:
        pixels: `[B, S, S, 3]`, uint8, RGB.
        maps: `[B, 3, 3]`, float32: from view to picture coordinates; None for the whole picture.
        size: side of the view in pixels.

    Returns:
        `[B, 3, size, size]`, float32 in [0, 1], in channels-last memory. What lies outside the
        picture mirrors it.
    """
    pictures = pixels.permute(0, 3, 1, 2).float() / 255
    if maps is None:
        if size == pixels.shape[1]:
            return pictures
        return F.interpolate(pictures, (size, size), mode="bilinear", align_corners=False)
    points = maps @ _view_points(size, maps.device)
    # [B, 3, size * size] in homogeneous coordinates, to [B, size, size, 2]
    grid = (points[:, :2] / points[:, 2:]).unflatten(2, (size, size)).permute(0, 2, 3, 1)
    return F.grid_sample(pictures, grid, mode="bilinear", padding_mode="reflection", align_corners=False)


def _view_points(size: int, device: torch.device) -> torch.Tensor:
    """Centres of a view's pixels, row by row, in homogeneous coordinates `[3, size * size]`."""
    steps = (2 * torch.arange(size, device=device, dtype=torch.float32) + 1) / size - 1
    y, x = torch.meshgrid(steps, steps, indexing="ij")
    return torch.stack([x.flatten(), y.flatten(), torch.ones(size * size, device=device)])
