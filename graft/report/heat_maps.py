"""Grad-CAM: where in an image a network finds what speaks for a class, and a sheet of the costliest answers with it.

The head may read several layers side by side (`embed.layers`). Each of them gives a map of what it
says by itself, past the layers after it, and the maps are added. Features are taken as they differ
from those of a usual image, as the head takes them. Of a linear head over means this is exact: the
mean of what is added over the image is the logit without its bias.

Source: Selvaraju et al. 2017, https://arxiv.org/abs/1610.02391; computed by captum.
"""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import torch
import torch.nn.functional as F
from captum.attr import LayerGradCam
from matplotlib import colormaps
from numpy.typing import NDArray
from torch import nn

from graft.core.errors import ParamsError
from graft.data.arrays import ImageRows
from graft.network.features import Layout, find_layout
from graft.network.head import Head
from graft.network.inference import resize
from graft.network.network import Network, named_layers, watch_layers
from graft.render.sheets import Tile, save_sheet
from graft.report.gallery import GREEN, RED, caption, worst_first
from graft.tasks import Task

BATCH = 8
"""Images at a time: what the layers after the grid keep for the way back must fit beside the network."""
FEATURES = ""
"""What the head reads, among names of layers; none of those is empty."""
BANDS = 5
"""Heat is shown in steps: their edges can be seen on any image, and what lies in the lowest stays clear."""
MAPS = 2
"""Classes that are mapped for each image."""
OUTCOMES = {
    (True, True): ("correct", GREEN),
    (True, False): ("wrong", RED),
    (False, True): ("missed", RED),
    (False, False): ("not predicted", (90, 90, 96)),
}
"""What is written under the map of a class, by whether it is predicted and whether it is true."""


@dataclass(frozen=True, slots=True)
class GridLayer:
    """A layer whose grid the head reads: its name, and the features of a usual image, `[C]`, or zeros."""

    name: str
    usual: torch.Tensor


class GridTap(nn.Module):
    """Stands behind a layer and shows its output as a grid, whatever its layout, so that captum can hook in.

    What it gives is cut off from what made it: no earlier layer is asked.
    """

    def __init__(self, body: nn.Module, usual: torch.Tensor) -> None:
        super().__init__()
        self._body = [body]  # in a list, so that it is no part of this module
        self.usual = usual.view(1, -1, 1, 1)

    def forward(self, grid: torch.Tensor) -> torch.Tensor:
        """`[B, C, h, h]` as it differs from the usual."""
        return (grid - self.usual).detach()

    def reroute(self, _: nn.Module, __: object, output: torch.Tensor) -> torch.Tensor:
        """Let the network go on from this module's output in the place of the layer's."""
        layout = find_layout(self._body[0], output)
        return output if layout is None else layout.restored(self(layout.grid(output)) + self.usual, output)


def heat_maps(
    network: Network, images: torch.Tensor, classes: torch.Tensor, grid_layers: list[GridLayer] | None = None
) -> torch.Tensor:
    """Map what speaks for one class of each image.

    Args:
        network: in evaluation mode, with a head; it is left as it was.
        images: `[B, 3, H, H]`, float in [0, 1], of the size that the network is evaluated at.
        classes: `[B]`, int64, positions of logits.
        grid_layers: where to look, as `find_grid_layers` found it; None finds it again.

    Returns:
        `[B, H, H]`, float32 in [0, 1], on the CPU: 1 where most speaks for the class. All 0 where nothing does.

    Raises:
        ParamsError: no layer of the network gives a grid.
    """
    heat = evidence(network, images, classes, grid_layers).relu()
    return heat / heat.amax((1, 2), keepdim=True).clamp_min(1e-12)


def evidence(
    network: Network, images: torch.Tensor, classes: torch.Tensor, grid_layers: list[GridLayer] | None = None
) -> torch.Tensor:
    """What speaks for a class, and against it below 0: arguments as `heat_maps`, `[B, H, H]` in units of the logit."""
    with torch.inference_mode(False), torch.enable_grad(), _frozen(network), ExitStack() as hooks:
        # a clone of what was made in inference mode is an ordinary tensor again
        images, classes = images.clone().to(network.mean.device), classes.clone().to(network.mean.device)
        grid_layers = grid_layers or find_grid_layers(network, images)
        layers = named_layers(network)
        taps = [GridTap(network.part_of(layer.name).body, layer.usual) for layer in grid_layers]
        for layer, tap in zip(grid_layers, taps, strict=True):
            handle = layers[layer.name].register_forward_hook(tap.reroute, prepend=True)  # before what embed taps
            hooks.callback(handle.remove)
        batches = zip(images.split(BATCH), classes.split(BATCH), strict=True)
        return torch.cat([_sum_of_maps(network, taps, some, wanted) for some, wanted in batches])


def _sum_of_maps(network: Network, taps: list[GridTap], images: torch.Tensor, classes: torch.Tensor) -> torch.Tensor:
    """Add the maps of all grids, each as large as its share of the logit."""
    total = torch.zeros((len(images), *images.shape[2:]))
    for tap in taps:
        found = LayerGradCam(network, tap).attribute(images, target=classes).detach().cpu().float()
        # a gradient is per position: of more positions each has less of it
        share = found * found.shape[2:].numel()
        total += F.interpolate(share, images.shape[2:], mode="bilinear", align_corners=False)[:, 0]
    return total


def find_grid_layers(network: Network, images: torch.Tensor) -> list[GridLayer]:
    """Find the layers whose grids the head reads: those that `embed.layers` names, and the last that decides anything.

    The last grid alone would not do: a transformer that answers from its class token does not read
    the other tokens of its last block, and their gradient is 0. Nor is everything a grid that is
    square: one larger than an earlier one is a table of attention, or was blown up.

    Args:
        images: `[B, 3, H, H]`, float in [0, 1]; only the first is looked at.

    Returns:
        In the order in which they end, with the names of `named_layers`.

    Raises:
        ParamsError: no layer gives a grid of two positions a side or more.
    """
    seen: list[tuple[str, Layout, torch.Tensor]] = []
    sides: dict[int, int] = {}  # of the last grid of each backbone
    features: list[torch.Tensor] = []

    def record(name: str, output: object) -> None:
        part = network.part_of(name)
        layout = find_layout(part.body, output)
        if not isinstance(output, torch.Tensor):
            return
        if name == FEATURES:
            features.append(output.detach())
        elif layout is None or len(output) != 1 or not output.requires_grad:
            return  # windows of an image may stand in rows of their own, and a table of positions is no feature
        elif layout.side <= sides.get(id(part), layout.side):
            sides[id(part)] = layout.side
            seen.append((name, layout, output))

    # linear layers inside blocks are projections, of queries or to a hidden width, not the block's features
    layers = {name: layer for name, layer in named_layers(network).items() if not isinstance(layer, nn.Linear)}
    with torch.inference_mode(False), torch.enable_grad(), _frozen(network):
        image = images[:1].clone().to(network.mean.device).requires_grad_()
        with watch_layers(layers | {FEATURES: network.features}, record):
            logits = network(image)
        if not seen:
            raise ParamsError(f"embed.size: no layer gives a grid of features for images of {network.size} pixels")
        outputs = [output for _, _, output in seen]
        gradients = torch.autograd.grad(logits.square().sum(), outputs, allow_unused=True)
    deciding = [
        name
        for (name, layout, _), gradient in zip(seen, gradients, strict=True)
        if gradient is not None and layout.grid(gradient).count_nonzero()
    ]
    last = {id(network.part_of(name)): name for name in deciding or [name for name, _, _ in seen]}.values()
    grids = {name: layout.grid(output.detach()) for name, layout, output in seen}  # of several runs the last
    tapped = {prefix + layer for prefix, part in network.parts.items() for layer in part.layers}
    names = [name for name in grids if name in last or (name in tapped and name in deciding)]
    return [GridLayer(name, _usual(network.head, grids[name], features[0])) for name in names]


def _usual(head: Head | None, grid: torch.Tensor, features: torch.Tensor) -> torch.Tensor:
    """Features of a usual image as the head knows them, `[C]`; zeros where it does not read the grid's mean.

    Args:
        grid: `[1, C, h, h]`.
        features: `[1, D]` of the same image, some of which may be the grid's mean.
    """
    mean = grid.mean((2, 3))[0]
    assert head is not None
    known = head.hidden[0].running_mean if head.kind == "fastai" else head.mean
    assert isinstance(known, torch.Tensor)
    if len(mean) <= features.shape[1]:
        gaps = (features[0].unfold(0, len(mean), 1) - mean).abs().amax(1)
        start = int(gaps.argmin())
        if gaps[start] <= 1e-4 * mean.abs().max():
            usual: torch.Tensor = known[start : start + len(mean)].clone()
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


@dataclass(frozen=True, slots=True)
class MappedClass:
    """A class that an image is mapped for: its position, its probability, whether predicted, whether true."""

    position: int
    probability: float
    predicted: bool
    true: bool


def save_heat_maps(
    path: Path, predictions: pd.DataFrame, pixels: ImageRows, network: Network, task: Task, count: int
) -> None:
    """Draw the images with the highest loss, each beside its heat maps for two classes.

    The classes are the predicted and the true one; of an image that is answered correctly, the predicted and the
    runner-up; of several labels, the two most probable ones that are wrong or missed, then others.

    Args:
        predictions: as `graft.evaluate.evaluation.read_predictions` gives them.
        pixels: the presized images.
        network: in evaluation mode; it is left as it was.
        count: images to draw.
    """
    rows = worst_first(predictions).head(count)
    tiles: list[Tile] = []
    grid_layers: list[GridLayer] = []
    for start in range(0, len(rows), BATCH):
        some = rows.iloc[start : start + BATCH]
        images = resize(torch.from_numpy(pixels.read(pixels.find(some["path"].tolist()))), network.size)
        mapped = [choose_classes(row, task) for _, row in some.iterrows()]
        grid_layers = grid_layers or find_grid_layers(network, images)
        heats = [
            heat_maps(network, images, torch.tensor([classes[number].position for classes in mapped]), grid_layers)
            for number in range(len(mapped[0]))
        ]
        for number, (_, row) in enumerate(some.iterrows()):
            image = (images[number].permute(1, 2, 0) * 255).round().to(torch.uint8).numpy()
            tiles.append(Tile(image, *caption(row, task)))
            for one, heat in zip(mapped[number], heats, strict=True):
                tiles.append(_tile(image, heat[number].numpy(), one, task))
    # a palette would be used up by the images, and the hottest bands lost
    save_sheet(path, tiles, columns=2 * (1 + min(MAPS, len(task.classes))), side=144, palette=False)


def choose_classes(row: pd.Series, task: Task) -> list[MappedClass]:
    """Choose the classes to map for one image: mistakes first, then the most probable."""
    predicted, true = set(task.parse_labels(row["predicted"])), set(task.parse_labels(row["label"]))
    every = [
        MappedClass(position, float(row[f"p_{name}"]), name in predicted, name in true)
        for position, name in enumerate(task.classes)
    ]
    return sorted(every, key=lambda one: (one.predicted == one.true, -one.probability, one.position))[:MAPS]


def overlay(image: NDArray[np.uint8], heat: NDArray[np.float32]) -> NDArray[np.uint8]:
    """Lay bands of heat over an image, whose colours are taken out so that the bands' can be told from them.

    Args:
        image: `[H, W, 3]`, uint8, RGB.
        heat: `[H, W]`, float in [0, 1]; in the lowest fifth only the grey image shows.

    Returns:
        `[H, W, 3]`, uint8, RGB.
    """
    grey = image.astype(np.float32).mean(2, keepdims=True)
    band = np.minimum(np.floor(heat * BANDS), BANDS - 1)
    colour = colormaps["plasma"](band / (BANDS - 1))[..., :3].astype(np.float32) * 255
    cover = np.where(band > 0, 0.55 * (0.4 + 0.6 * band / (BANDS - 1)), 0)[..., None]
    blended: NDArray[np.uint8] = (grey * (1 - cover) + colour * cover).round().astype(np.uint8)
    return blended


def _tile(image: NDArray[np.uint8], heat: NDArray[np.float32], mapped: MappedClass, task: Task) -> Tile:
    outcome, frame = OUTCOMES[mapped.predicted, mapped.true]
    nothing = () if heat.any() else ("no region speaks for it",)
    answer = f"{task.classes[mapped.position]} {mapped.probability:.0%}"
    return Tile(overlay(image, heat), (answer, outcome, *nothing), frame)
