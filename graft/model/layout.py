"""A layer's output as a grid of features, however the layer lays out positions and channels."""

import math
from dataclasses import dataclass
from typing import Literal

import torch
from torch import nn

from graft.model.positions import Positions

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
    """Tells the layout of the outputs of a body's layers, by the same marks as `Positions`."""

    def __init__(self, body: nn.Module) -> None:
        self._marks = Positions(body, [])

    def of(self, output: object) -> Layout | None:
        """The layout of a layer's output; None where it is no square of two positions a side or more."""
        if not isinstance(output, torch.Tensor):
            return None
        found = self._grid(output.shape) if output.ndim == 4 else self._tokens(output.shape)
        return found if found is not None and found.side > 1 else None

    def _grid(self, shape: torch.Size) -> Layout | None:
        last = shape[1] == shape[2] and (self._marks.channels_last or shape[2] != shape[3])
        if last:
            return Layout("last", shape[1])
        return Layout("first", shape[2]) if shape[2] == shape[3] else None

    def _tokens(self, shape: torch.Size) -> Layout | None:
        if len(shape) != 3:
            return None
        for prefix in (self._marks.prefix, 0):  # a class token may join late
            side = math.isqrt(max(0, shape[1] - prefix))
            if side**2 == shape[1] - prefix:
                return Layout("tokens", side, prefix)
        return None
