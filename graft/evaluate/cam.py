"""Grad-CAM: where in a picture a network finds what speaks for a class.

Source: Selvaraju et al. 2017, https://arxiv.org/abs/1610.02391; computed by captum.
"""

from collections.abc import Iterator
from contextlib import contextmanager

import torch
import torch.nn.functional as F
from captum.attr import LayerGradCam
from torch import nn

from graft.errors import ParamsError
from graft.model.layers import listening, named_layers
from graft.model.layout import Layout, Layouts
from graft.model.network import Network

BATCH = 8
"""Pictures at a time: what the layers after the grid keep for the way back must fit beside the network."""


class Grid(nn.Module):
    """Stands behind a layer and shows its output as a grid, whatever its layout, so that captum can hook in.

    What it gives is cut off from what made it: nothing before the layer is differentiated.
    """

    def __init__(self, layouts: Layouts) -> None:
        super().__init__()
        self.layouts = layouts

    def forward(self, grid: torch.Tensor) -> torch.Tensor:
        """`[B, C, h, h]` as it is."""
        return grid.detach()

    def reroute(self, _: nn.Module, __: object, output: torch.Tensor) -> torch.Tensor:
        """Let the network go on from this module's output in the place of the layer's."""
        layout = self.layouts.of(output)
        return output if layout is None else layout.restored(self(layout.grid(output)), output)


def heat_maps(
    network: Network, pictures: torch.Tensor, classes: torch.Tensor, layer: str | None = None
) -> torch.Tensor:
    """Map what speaks for one class of each picture.

    Args:
        network: in evaluation mode, with a head; it is left as it was.
        pictures: `[B, 3, H, H]`, float in [0, 1], of the size that the network is evaluated at.
        classes: `[B]`, int64, places of logits.
        layer: where to look, as `decisive_layer` found it; None finds it anew.

    Returns:
        `[B, H, H]`, float32 in [0, 1], on the CPU: 1 where most speaks for the class. All 0 where nothing does.

    Raises:
        ParamsError: no layer of the network gives a grid.
    """
    device = network.mean.device
    with torch.inference_mode(False), torch.enable_grad(), _frozen(network):
        # a clone of what was made in inference mode is an ordinary tensor again
        pictures, classes = pictures.clone(), classes.clone()
        name = layer or decisive_layer(network, pictures)
        grid = Grid(Layouts(network.features.body))
        handle = named_layers(network)[name].register_forward_hook(grid.reroute, prepend=True)  # before embed's taps
        try:
            cam = LayerGradCam(network, grid)
            parts = [
                cam.attribute(some.to(device), target=wanted.to(device), relu_attributions=True).detach().cpu()
                for some, wanted in zip(pictures.split(BATCH), classes.split(BATCH), strict=True)
            ]
        finally:
            handle.remove()
        heat = F.interpolate(torch.cat(parts).float(), pictures.shape[2:], mode="bilinear", align_corners=False)[:, 0]
        return heat / heat.amax((1, 2), keepdim=True).clamp_min(1e-12)


def decisive_layer(network: Network, pictures: torch.Tensor) -> str:
    """Name the last layer whose grid of features decides anything.

    The last grid alone would not do: a transformer that answers from its class token does not read
    the other tokens of its last block, and their gradient is 0. Nor is everything a grid that is
    square: one larger than an earlier one is a table of attention, or was blown up.

    Args:
        pictures: `[B, 3, H, H]`, float in [0, 1]; only the first is looked at.

    Returns:
        A name as in `graft.model.layers`.

    Raises:
        ParamsError: no layer gives a grid of two positions a side or more.
    """
    layouts = Layouts(network.features.body)
    seen: list[tuple[str, Layout, torch.Tensor]] = []

    def hear(name: str, output: object) -> None:
        layout = layouts.of(output)
        if layout is None or not isinstance(output, torch.Tensor) or len(output) != 1:
            return
        if not seen or layout.side <= seen[-1][1].side:
            seen.append((name, layout, output))

    # linear layers inside blocks are projections, of queries or to a hidden width, not the block's features
    layers = {name: layer for name, layer in named_layers(network).items() if not isinstance(layer, nn.Linear)}
    with torch.inference_mode(False), torch.enable_grad(), _frozen(network):
        picture = pictures[:1].clone().to(network.mean.device).requires_grad_()
        with listening(layers, hear):
            logits = network(picture)
        if not seen:
            raise ParamsError(f"embed.view: no layer gives a grid of features for views of {network.view} pixels")
        outputs = [output for _, _, output in seen]
        gradients = torch.autograd.grad(logits.square().sum(), outputs, allow_unused=True)
    found = [
        name
        for (name, layout, _), gradient in zip(seen, gradients, strict=True)
        if gradient is not None and layout.grid(gradient).count_nonzero()
    ]
    return (found or [name for name, _, _ in seen])[-1]


@contextmanager
def _frozen(network: nn.Module) -> Iterator[None]:
    """Let no parameter ask for a gradient: what comes before the layer then keeps nothing for the way back."""
    asking = [parameter for parameter in network.parameters() if parameter.requires_grad]
    for parameter in asking:
        parameter.requires_grad_(False)
    try:
        yield
    finally:
        for parameter in asking:
            parameter.requires_grad_(True)
