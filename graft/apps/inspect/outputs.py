"""What the layers of a network give for a picture."""

from dataclasses import dataclass

import torch
from torch import nn

from graft.core.errors import DataError, nearest
from graft.network.layers import listening, named_layers
from graft.network.network import Network


@dataclass(frozen=True, slots=True)
class Seen:
    """A layer that ran: its name and kind, the shape of what it gave for one picture, and how often it ran."""

    name: str
    kind: str
    shape: tuple[int, ...]
    times: int
    filters: bool
    """Whether it has filters that can be shown in colour."""


def sees_colours(layer: nn.Module) -> bool:
    """Whether a layer is a convolution over the three colours of a picture."""
    return isinstance(layer, nn.Conv2d) and layer.in_channels == 3 and layer.groups == 1


def survey(network: Network, view: int) -> list[Seen]:
    """List the layers that run and give a tensor, in the order in which they are defined; what does nothing is not.

    Where a batch norm was folded into its convolution there is such a layer, among others.
    """
    layers = named_layers(network)
    shapes: dict[str, list[tuple[int, ...]]] = {}

    def hear(name: str, output: object) -> None:
        if isinstance(output, torch.Tensor):
            shapes.setdefault(name, []).append(tuple(output.shape[1:]))

    with torch.inference_mode(), listening(layers, hear):
        network(torch.full((1, 3, view, view), 0.5, device=network.mean.device))
    return [
        Seen(name, type(layer).__name__, shapes[name][-1], len(shapes[name]), sees_colours(layer))
        for name, layer in layers.items()
        if name in shapes and type(layer) is not nn.Identity
    ]


def find_layer(network: Network, name: str) -> nn.Module:
    """Find a layer by its name.

    Raises:
        DataError: there is none of that name.
    """
    layers = named_layers(network)
    if name not in layers:
        raise DataError(
            f"the network has no layer {name!r}{nearest(name, layers)}; `graft look` lists all {len(layers)}"
        )
    return layers[name]


def output_of(network: Network, name: str, views: torch.Tensor) -> torch.Tensor:
    """What a layer gives for views `[B, 3, H, H]`: of one that runs several times, the last time.

    Raises:
        DataError: there is no such layer, it does not run, or it gives no tensor.
    """
    given: list[torch.Tensor] = []

    def hear(_: str, output: object) -> None:
        if isinstance(output, torch.Tensor):
            given[:] = [output.clone()]  # the next layer may write over it

    with torch.inference_mode(), listening({name: find_layer(network, name)}, hear):
        network(views.to(network.mean.device))
    if not given:
        raise DataError(f"{name!r} gives no tensor when the network runs; `graft look` lists the layers that do")
    return given[0].float().cpu()
