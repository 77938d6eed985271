"""One vector a picture from a layer's output: pooled over positions, however the layer lays them out."""

import math

import torch
from torch import nn

from graft.errors import ParamsError
from graft.model.pool import Pool


class Positions:
    """Pools grids of channels first or last, and tokens.

    A view is square, so that the two axes of equal size are the positions. Where the channels are
    as many, the body tells: it says so (timm) or is of a family that keeps channels last.

    Args:
        body: what the layers are of.
        pools: one vector for each, side by side.
    """

    def __init__(self, body: nn.Module, pools: list[Pool]) -> None:
        self.pools = pools
        self.channels_last = _keeps_channels_last(body)
        self.prefix = _prefix_tokens(body)

    def pool(self, output: object, layer: str) -> list[torch.Tensor]:
        """Pool `[B, C, h, w]`, `[B, h, w, C]` or tokens `[B, N, C]` to a `[B, C]` for each way of pooling.

        Raises:
            ParamsError: the output is none of these.
        """
        if not isinstance(output, torch.Tensor):
            raise ParamsError(f"embed.layers: {layer!r} gives a {type(output).__name__}, no grid of features")
        if output.ndim == 4 and output.shape[2] == output.shape[3] and not self._last(output):
            return self._pooled(output, (2, 3))
        if output.ndim == 4 and output.shape[1] == output.shape[2]:
            return self._pooled(output, (1, 2))
        if output.ndim == 3:
            for prefix in (self.prefix, 0):  # a class token may join late
                if _is_square(output.shape[1] - prefix):
                    return self._pooled(output[:, prefix:], (1,))
        raise ParamsError(f"embed.layers: {layer!r} gives {list(output.shape)}, no square grid of features")

    def _last(self, output: torch.Tensor) -> bool:
        return self.channels_last and output.shape[1] == output.shape[2]

    def _pooled(self, grid: torch.Tensor, axes: tuple[int, ...]) -> list[torch.Tensor]:
        return [grid.mean(axes) if pool == "mean" else grid.amax(axes) for pool in self.pools]


def _keeps_channels_last(body: nn.Module) -> bool:
    return getattr(body, "output_fmt", None) == "NHWC" or type(body).__name__ == "SwinTransformer"


def _prefix_tokens(body: nn.Module) -> int:
    """Tokens before those of the positions: of the class, registers."""
    told = getattr(body, "num_prefix_tokens", None)
    return int(told) if told is not None else int(hasattr(body, "class_token"))


def _is_square(count: int) -> bool:
    return count > 0 and math.isqrt(count) ** 2 == count
