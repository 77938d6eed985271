"""A layer's output as a grid of features, however the layer lays out positions and channels."""

import math
from dataclasses import dataclass
from typing import Literal

import torch
from torch import nn

from graft.core.errors import ParamsError, nearest
from graft.network.config import Pool

Kind = Literal["first", "last", "tokens"]


@dataclass(frozen=True, slots=True)
class Layout:
    """Where an output keeps its positions.

    Attributes:
        kind: channels ``first``, `[B, C, h, h]`; channels ``last``, `[B, h, h, C]`; or ``tokens``, `[B, P + h h, C]`.
        side: h, of the square of positions.
        prefix: P, tokens before those of positions.
    """

    kind: Kind
    side: int
    prefix: int = 0

    def grid(self, output: torch.Tensor) -> torch.Tensor:
        """View an output of this layout as `[B, C, h, h]`; tokens of no position are left out."""
        if self.kind == "tokens":
            output = output[:, self.prefix :].unflatten(1, (self.side, self.side))
        return output if self.kind == "first" else output.permute(0, 3, 1, 2)

    def restored(self, grid: torch.Tensor, output: torch.Tensor) -> torch.Tensor:
        """Lay a grid `[B, C, h, h]` out as `output` is, whose tokens of no position stay."""
        if self.kind == "first":
            return grid
        spread = grid.permute(0, 2, 3, 1)
        return spread if self.kind == "last" else torch.cat([output[:, : self.prefix], spread.flatten(1, 2)], 1)


class Layouts:
    """Tells the layout of the outputs of a body's layers.

    A view is square, so that the two axes of equal size are the positions. Where the channels are
    as many, the body tells: it says so (timm) or is of a family that keeps channels last.
    """

    def __init__(self, body: nn.Module) -> None:
        self._channels_last = _keeps_channels_last(body)
        self._prefix = _prefix_tokens(body)

    def of(self, output: object, least: int = 2) -> Layout | None:
        """The layout of a layer's output; None where it is no square of `least` positions a side or more."""
        if not isinstance(output, torch.Tensor):
            return None
        found = self._grid(output.shape) if output.ndim == 4 else self._tokens(output.shape)
        return found if found is not None and found.side >= least else None

    def _grid(self, shape: torch.Size) -> Layout | None:
        last = shape[1] == shape[2] and (self._channels_last or shape[2] != shape[3])
        if last:
            return Layout("last", shape[1])
        return Layout("first", shape[2]) if shape[2] == shape[3] else None

    def _tokens(self, shape: torch.Size) -> Layout | None:
        if len(shape) != 3:
            return None
        for prefix in (self._prefix, 0):  # a class token may join late
            side = math.isqrt(max(0, shape[1] - prefix))
            if side and side**2 == shape[1] - prefix:
                return Layout("tokens", side, prefix)
        return None


def _keeps_channels_last(body: nn.Module) -> bool:
    return getattr(body, "output_fmt", None) == "NHWC" or type(body).__name__ == "SwinTransformer"


def _prefix_tokens(body: nn.Module) -> int:
    """Tokens before those of the positions: of the class, registers."""
    told = getattr(body, "num_prefix_tokens", None)
    return int(told) if told is not None else int(hasattr(body, "class_token"))


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


class _Tap:
    """Keeps what a layer gives until it is taken.

    An object, not a closure: a copy of the network then has taps of its own.
    """

    output: object = None

    def __call__(self, _: nn.Module, __: object, output: object) -> None:
        self.output = output

    def take(self) -> object:
        output, self.output = self.output, None
        return output


class Features(nn.Module):
    """A network without classifier whose output is one vector a picture.

    The vector holds the network's own pooled features first, then, for each layer named, its
    output pooled over positions, once for each way of pooling. Features from the middle of a
    network keep texture and small detail that its end has given up for the classes it was
    trained on.

    Args:
        body: a network without classifier; called with `[B, 3, H, W]` it gives `[B, D]`, or a grid,
            whose mean is taken.
        layers: names of modules inside it, whose outputs are grids of features or tokens.
        pools: how to pool those outputs.

    Raises:
        ParamsError: the body has no module of such a name, or its output is no grid of features.
    """

    def __init__(self, body: nn.Module, layers: list[str], pools: list[Pool]) -> None:
        super().__init__()
        self.body = body
        self.layers = layers
        self.pools = pools
        self.positions = Positions(body, pools)
        self.last = Positions(body, ["mean"])
        self._taps = {layer: _Tap() for layer in layers}
        names = dict(body.named_modules())
        for layer in layers:
            if layer not in names:
                stages = ", ".join(name for name, _ in body.named_children())
                raise ParamsError(
                    f"embed.layers: the backbone has no layer {layer!r}{nearest(layer, names)}; it is made of {stages}"
                )
            names[layer].register_forward_hook(self._taps[layer])

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """Map normalised pictures `[B, 3, H, W]` to features `[B, D]`."""
        last = self.body(images)
        parts = [last] if last.ndim == 2 else self.last.pool(last, "the last one")
        for layer in self.layers:
            parts += self.positions.pool(self._taps[layer].take(), layer)
        return torch.cat(parts, dim=1)
