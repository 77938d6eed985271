"""Features of a picture: the pretrained network's last ones, and those of layers on the way."""

import torch
from torch import nn

from graft.errors import ParamsError, nearest
from graft.model.pool import Pool
from graft.model.positions import Positions


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

    def forward(self, pictures: torch.Tensor) -> torch.Tensor:
        """Map normalised pictures `[B, 3, H, W]` to features `[B, D]`."""
        last = self.body(pictures)
        parts = [last] if last.ndim == 2 else self.last.pool(last, "the last one")
        for layer in self.layers:
            parts += self.positions.pool(self._taps[layer].take(), layer)
        return torch.cat(parts, dim=1)
