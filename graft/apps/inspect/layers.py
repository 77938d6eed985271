"""The network of the project, its layers, and what they give for an image."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import nn

from graft.core import params
from graft.core.errors import DataError, nearest
from graft.network.config import Embed
from graft.network.network import Network, load, named_layers, pretrained, watch_layers

BACKBONE, FINETUNED = Path("models/backbone"), Path("models/finetuned")


@dataclass(frozen=True, slots=True)
class Subject:
    """A network with a title that says where it lies and what it is made from, and its classes, if it has any."""

    network: Network
    title: str
    classes: list[str]


@dataclass(frozen=True, slots=True)
class LayerOutput:
    """A layer that ran: its name, the shape that it gave for one image the last time, and how often it ran."""

    name: str
    shape: tuple[int, ...]
    runs: int


def open_network(values: dict[str, Any]) -> Subject:
    """Load ``models/finetuned``, or ``models/backbone`` where that is absent, as the values of params.yaml say.

    Raises:
        DataError: both are absent.
    """
    if FINETUNED.is_dir():
        network, description = load(FINETUNED)
        return Subject(network, f"{FINETUNED} ({description.backbone})", description.classes)
    if not BACKBONE.is_dir():
        raise DataError(f"neither {FINETUNED} nor {BACKBONE} is there; run `dvc repro download`")
    network, description = pretrained(BACKBONE, params.check("embed", Embed, values["embed"]))
    return Subject(network, f"{BACKBONE} ({description.backbone}, nothing is fine-tuned yet)", [])


def has_colour_filters(layer: nn.Module) -> bool:
    """Whether a layer is a convolution over the three colours of an image."""
    return isinstance(layer, nn.Conv2d) and layer.in_channels == 3 and layer.groups == 1


def survey(network: Network, side: int) -> list[LayerOutput]:
    """Layers that give a tensor for a grey image of `side` pixels, in the order in which they are defined.

    Those that do nothing are left out: one stands, among others, where a batch norm was folded into its convolution.
    """
    layers = named_layers(network)
    shapes: dict[str, list[tuple[int, ...]]] = {}

    def record(name: str, output: object) -> None:
        if isinstance(output, torch.Tensor):
            shapes.setdefault(name, []).append(tuple(output.shape[1:]))

    with torch.inference_mode(), watch_layers(layers, record):
        network(torch.full((1, 3, side, side), 0.5, device=network.mean.device))
    return [
        LayerOutput(name, shapes[name][-1], len(shapes[name]))
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
        hint = f"{nearest(name, layers)}; `graft inspect` lists all {len(layers)}"
        raise DataError(f"the network has no layer {name!r}{hint}")
    return layers[name]


def output_of(network: Network, name: str, images: torch.Tensor) -> torch.Tensor:
    """What a layer gives for images `[B, 3, H, H]` in [0, 1]: of one that runs several times, the last time.

    Raises:
        DataError: there is no such layer, it does not run, or it gives no tensor.
    """
    outputs: list[torch.Tensor] = []

    def record(_: str, output: object) -> None:
        if isinstance(output, torch.Tensor):
            outputs[:] = [output.clone()]  # the next layer may write over it

    with torch.inference_mode(), watch_layers({name: find_layer(network, name)}, record):
        network(images.to(network.mean.device))
    if not outputs:
        raise DataError(f"{name!r} gives no tensor when the network runs; `graft inspect` lists the layers that do")
    return outputs[0].float().cpu()
