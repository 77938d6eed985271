"""Features of a network's end and of its layers, however a layer lays out positions and channels."""

import math
from dataclasses import dataclass
from typing import Literal

import torch
from torch import nn

from graft.core.errors import ParamsError, nearest
from graft.network.config import Pool


@dataclass(frozen=True, slots=True)
class Layout:
    """Where an output keeps its positions.

    Attributes:
        kind: channels ``first``, `[B, C, h, h]`; channels ``last``, `[B, h, h, C]`; or ``tokens``, `[B, P + h h, C]`.
        side: h, of the square of positions.
        prefix: P, tokens before those of positions.
    """

    kind: Literal["first", "last", "tokens"]
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

    def pool(self, output: torch.Tensor, pools: list[Pool]) -> list[torch.Tensor]:
        """Pool an output to a `[B, C]` for each way of pooling, over its positions or by its first token."""
        axes = {"first": (2, 3), "last": (1, 2), "tokens": (1,)}[self.kind]
        grid = output[:, self.prefix :] if self.prefix else output
        ways = {"mean": lambda: grid.mean(axes), "max": lambda: grid.amax(axes), "token": lambda: output[:, 0]}
        return [ways[pool]() for pool in pools]


def find_layout(body: nn.Module, output: object, min_side: int = 2) -> Layout | None:
    """The layout of what a layer of `body` gives; None where it is no square of `min_side` positions or more a side.

    Images are square, so that the two axes of equal size are the positions. Where the channels are
    as many, the body decides: it says so (timm) or is of a family that keeps channels last.
    """
    if not isinstance(output, torch.Tensor):
        return None
    layout = None
    shape = output.shape
    if len(shape) == 4:
        channels_last = getattr(body, "output_fmt", None) == "NHWC" or type(body).__name__ == "SwinTransformer"
        if shape[1] == shape[2] and (channels_last or shape[2] != shape[3]):
            layout = Layout("last", shape[1])
        elif shape[2] == shape[3]:
            layout = Layout("first", shape[2])
    elif len(shape) == 3:
        named = getattr(body, "num_prefix_tokens", hasattr(body, "class_token"))  # of the class, registers
        for prefix in (int(named), 0):  # a class token may join late
            side = math.isqrt(max(0, shape[1] - prefix))
            if side and side**2 == shape[1] - prefix:
                layout = Layout("tokens", side, prefix)
                break
    return layout if layout is not None and layout.side >= min_side else None


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
    """A network without classifier whose output is one vector an image.

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
        ParamsError: the body has no module of such a name, its output is no grid of features, or it has no class
            token to pool by.
    """

    def __init__(self, body: nn.Module, layers: list[str], pools: list[Pool]) -> None:
        super().__init__()
        self.body = body
        self.layers = layers
        self.pools = pools
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
        """Map normalised images `[B, 3, H, W]` to features `[B, D]`."""
        last = self.body(images)
        parts = [last] if last.ndim == 2 else self._pool(last, "the last one", ["mean"])
        for layer in self.layers:
            parts += self._pool(self._taps[layer].take(), layer, self.pools)
        return torch.cat(parts, dim=1)

    def _pool(self, output: object, layer: str, pools: list[Pool]) -> list[torch.Tensor]:
        if not isinstance(output, torch.Tensor):
            raise ParamsError(f"embed.layers: {layer!r} gives a {type(output).__name__}, no grid of features")
        layout = find_layout(self.body, output, min_side=1)
        if layout is None:
            raise ParamsError(f"embed.layers: {layer!r} gives {list(output.shape)}, no square grid of features")
        if "token" in pools and not layout.prefix:
            raise ParamsError(
                f"embed.pools: {layer!r} gives {list(output.shape)}, no class token before its positions; "
                "pool it by mean or max"
            )
        return layout.pool(output, pools)
