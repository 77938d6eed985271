"""A layer's output as a grid of features, however the layer lays out positions and channels."""

import math
from dataclasses import dataclass
from typing import Literal

import torch
from torch import nn

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
