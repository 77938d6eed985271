"""Views by any map, for tests that look at maps alone."""

import torch

from graft.network.resample import sampled


def mapped(pixels: torch.Tensor, maps: torch.Tensor, size: int) -> torch.Tensor:
    """Views `[B, 3, size, size]`, float32 in [0, 1], of pixels `[B, S, S, 3]` by maps `[B, 3, 3]`."""
    return torch.cat([drawn for _, drawn in sampled(pixels, maps, size)]) / 255
