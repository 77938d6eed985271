"""One vector a picture from a layer's output: pooled over positions, however the layer lays them out."""

import torch
from torch import nn

from graft.errors import ParamsError
from graft.model.layout import Kind, Layouts
from graft.model.pool import Pool

AXES: dict[Kind, tuple[int, ...]] = {"first": (2, 3), "last": (1, 2), "tokens": (1,)}
"""Those of positions."""


class Positions:
    """Pools grids of channels first or last, and tokens.

    Args:
        body: what the layers are of.
        pools: one vector for each, side by side.
    """

    def __init__(self, body: nn.Module, pools: list[Pool]) -> None:
        self.pools = pools
        self._layouts = Layouts(body)

    def pool(self, output: object, layer: str) -> list[torch.Tensor]:
        """Pool `[B, C, h, w]`, `[B, h, w, C]` or tokens `[B, N, C]` to a `[B, C]` for each way of pooling.

        Raises:
            ParamsError: the output is none of these.
        """
        if not isinstance(output, torch.Tensor):
            raise ParamsError(f"embed.layers: {layer!r} gives a {type(output).__name__}, no grid of features")
        layout = self._layouts.of(output, least=1)
        if layout is None:
            raise ParamsError(f"embed.layers: {layer!r} gives {list(output.shape)}, no square grid of features")
        grid, axes = output[:, layout.prefix :] if layout.prefix else output, AXES[layout.kind]
        return [grid.mean(axes) if pool == "mean" else grid.amax(axes) for pool in self.pools]
