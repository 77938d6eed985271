"""Grad-CAM: where in a picture a network finds what speaks for a class.

The head may read several layers side by side (`embed.layers`). Each of them gives a map of what it
says by itself, past the layers after it, and the maps are added. Features are taken as they differ
from those of a usual picture, as the head takes them. Of a linear head over means this is exact: the
mean of what is added over the picture is the logit without its bias.

Source: Selvaraju et al. 2017, https://arxiv.org/abs/1610.02391; computed by captum.
"""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from captum.attr import LayerGradCam
from torch import nn

from graft.core.errors import ParamsError
from graft.network.features import Layout, Layouts
from graft.network.head import Head
from graft.network.layers import listening, named_layers
from graft.network.network import Network

BATCH = 8
"""Pictures at a time: what the layers after the grid keep for the way back must fit beside the network."""
FEATURES = ""
"""What the head reads, among names of layers; none of those is empty."""


@dataclass(frozen=True, slots=True)
class Read:
    """A layer whose grid the head reads: its name, and the features of a usual picture, `[C]`, or zeros."""

    layer: str
    usual: torch.Tensor


class Grid(nn.Module):
    """Stands behind a layer and shows its output as a grid, whatever its layout, so that captum can hook in.

    What it gives is cut off from what made it: no earlier layer is asked.
    """

    def __init__(self, layouts: Layouts, usual: torch.Tensor) -> None:
        super().__init__()
        self.layouts = layouts
        self.usual = usual.view(1, -1, 1, 1)

    def forward(self, grid: torch.Tensor) -> torch.Tensor:
        """`[B, C, h, h]` as it differs from the usual."""
        return (grid - self.usual).detach()

    def reroute(self, _: nn.Module, __: object, output: torch.Tensor) -> torch.Tensor:
        """Let the network go on from this module's output in the place of the layer's."""
        layout = self.layouts.of(output)
        return output if layout is None else layout.restored(self(layout.grid(output)) + self.usual, output)


def heat_maps(
    network: Network, images: torch.Tensor, classes: torch.Tensor, reads: list[Read] | None = None
) -> torch.Tensor:
    """Map what speaks for one class of each picture.

    Args:
        network: in evaluation mode, with a head; it is left as it was.
        pictures: `[B, 3, H, H]`, float in [0, 1], of the size that the network is evaluated at.
        classes: `[B]`, int64, places of logits.
        reads: where to look, as `read_layers` found it; None finds it anew.

    Returns:
        `[B, H, H]`, float32 in [0, 1], on the CPU: 1 where most speaks for the class. All 0 where nothing does.

    Raises:
        ParamsError: no layer of the network gives a grid.
    """
    heat = evidence(network, images, classes, reads).relu()
    return heat / heat.amax((1, 2), keepdim=True).clamp_min(1e-12)


def evidence(
    network: Network, images: torch.Tensor, classes: torch.Tensor, reads: list[Read] | None = None
) -> torch.Tensor:
    """What speaks for a class, and against it below 0: arguments as `heat_maps`, `[B, H, H]` in units of the logit."""
    with torch.inference_mode(False), torch.enable_grad(), _frozen(network), ExitStack() as hooks:
        # a clone of what was made in inference mode is an ordinary tensor again
        images, classes = images.clone().to(network.mean.device), classes.clone().to(network.mean.device)
        reads = reads or read_layers(network, images)
        layers, layouts = named_layers(network), Layouts(network.features.body)
        grids = [Grid(layouts, read.usual) for read in reads]
        for grid, read in zip(grids, reads, strict=True):
            handle = layers[read.layer].register_forward_hook(grid.reroute, prepend=True)  # before what embed taps
            hooks.callback(handle.remove)
        batches = zip(images.split(BATCH), classes.split(BATCH), strict=True)
        return torch.cat([_added(network, grids, some, wanted) for some, wanted in batches])


def _added(network: Network, grids: list[Grid], images: torch.Tensor, classes: torch.Tensor) -> torch.Tensor:
    """Add the maps of all grids, each as large as its share of the logit."""
    added = torch.zeros((len(images), *images.shape[2:]))
    for grid in grids:
        found = LayerGradCam(network, grid).attribute(images, target=classes).detach().cpu().float()
        # a gradient is per position: of more positions each has less of it
        share = found * found.shape[2:].numel()
        added += F.interpolate(share, images.shape[2:], mode="bilinear", align_corners=False)[:, 0]
    return added


def read_layers(network: Network, images: torch.Tensor) -> list[Read]:
    """Find the layers whose grids the head reads: those that `embed.layers` names, and the last that decides anything.

    The last grid alone would not do: a transformer that answers from its class token does not read
    the other tokens of its last block, and their gradient is 0. Nor is everything a grid that is
    square: one larger than an earlier one is a table of attention, or was blown up.

    Args:
        pictures: `[B, 3, H, H]`, float in [0, 1]; only the first is looked at.

    Returns:
        In the order in which they end, with names as in `graft.network.layers`.

    Raises:
        ParamsError: no layer gives a grid of two positions a side or more.
    """
    layouts = Layouts(network.features.body)
    seen: list[tuple[str, Layout, torch.Tensor]] = []
    features: list[torch.Tensor] = []

    def hear(name: str, output: object) -> None:
        layout = layouts.of(output)
        if not isinstance(output, torch.Tensor):
            return
        if name == FEATURES:
            features.append(output.detach())
        elif layout is None or len(output) != 1 or not output.requires_grad:
            return  # windows of a picture may stand in rows of their own, and a table of positions is no feature
        elif not seen or layout.side <= seen[-1][1].side:
            seen.append((name, layout, output))

    # linear layers inside blocks are projections, of queries or to a hidden width, not the block's features
    layers = {name: layer for name, layer in named_layers(network).items() if not isinstance(layer, nn.Linear)}
    with torch.inference_mode(False), torch.enable_grad(), _frozen(network):
        image = images[:1].clone().to(network.mean.device).requires_grad_()
        with listening(layers | {FEATURES: network.features}, hear):
            logits = network(image)
        if not seen:
            raise ParamsError(f"embed.view: no layer gives a grid of features for views of {network.view} pixels")
        outputs = [output for _, _, output in seen]
        gradients = torch.autograd.grad(logits.square().sum(), outputs, allow_unused=True)
    deciding = [
        name
        for (name, layout, _), gradient in zip(seen, gradients, strict=True)
        if gradient is not None and layout.grid(gradient).count_nonzero()
    ]
    last = (deciding or [name for name, _, _ in seen])[-1]
    grids = {name: layout.grid(output.detach()) for name, layout, output in seen}  # of several runs the last
    read = [name for name in grids if name == last or (name in network.features.layers and name in deciding)]
    return [Read(name, _usual(network.head, grids[name], features[0])) for name in read]


def _usual(head: Head | None, grid: torch.Tensor, features: torch.Tensor) -> torch.Tensor:
    """Features of a usual picture as the head knows them, `[C]`; zeros where it does not read the grid's mean.

    Args:
        grid: `[1, C, h, h]`.
        features: `[1, D]` of the same picture, some of which may be the grid's mean.
    """
    mean = grid.mean((2, 3))[0]
    assert head is not None
    known = head.hidden[0].running_mean if head.kind == "fastai" else head.mean
    assert isinstance(known, torch.Tensor)
    if len(mean) <= features.shape[1]:
        gaps = (features[0].unfold(0, len(mean), 1) - mean).abs().amax(1)
        place = int(gaps.argmin())
        if gaps[place] <= 1e-4 * mean.abs().max():
            usual: torch.Tensor = known[place : place + len(mean)].clone()
            return usual
    return torch.zeros_like(mean)


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
