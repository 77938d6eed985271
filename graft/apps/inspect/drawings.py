"""What a layer gives for an image, drawn: feature maps and filters as contact sheets, plain numbers as bars."""

import hashlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch
from matplotlib import colormaps
from matplotlib.figure import Figure
from numpy.typing import NDArray
from torch import nn

from graft.apps.inspect.layers import Subject, find_layer, has_colour_filters, open_network, output_of
from graft.core import params
from graft.core.errors import DataError
from graft.images.decode import UnreadableError
from graft.images.depth import USUAL_DEPTH
from graft.images.presize import Presize, read_depth
from graft.network.features import find_layout
from graft.network.inference import resize
from graft.render.figures import plain, save_figure
from graft.render.sheets import Tile, save_sheet

IMAGES, REPORT = Path("data/images.csv"), Path("reports/inspect")

MAX_TILES, COLUMNS = 64, 8  # of a sheet
TILE_SIDE = 96  # about how many pixels a side a tile is shown at


def draw_layer(values: dict[str, Any], layer: str, image: Path) -> Iterator[str]:
    """Draw an image, what a layer gives for it and, of a convolution over the colours, its filters.

    Sheets go to ``reports/inspect/``, in a folder named after the image and its path. Of maps the strongest
    64 channels are drawn, of a layer that gives plain numbers the largest as bars.

    Yields:
        Lines for a person: what was drawn, and where it lies.

    Raises:
        DataError: there is no network, no such layer, or no such image.
    """
    subject = open_network(values)
    module = find_layer(subject.network, layer)
    pixels = open_image(values, image, subject.network.size)
    output = output_of(subject.network, layer, pixels)
    # the digest keeps apart images of one name that lie in different folders
    folder = REPORT / f"{image.stem}-{hashlib.sha256(image.resolve().as_posix().encode()).hexdigest()[:8]}"

    shown = (pixels[0].permute(1, 2, 0) * 255).round().to(torch.uint8).numpy()
    save_sheet(folder / "image.png", [Tile(shown, (image.name,))], columns=1, side=2 * len(shown))
    yield f"{folder / 'image.png'}: what {subject.title} sees"
    if isinstance(module, nn.Conv2d) and has_colour_filters(module):
        tiles = filter_tiles(module.weight.detach().float().cpu().numpy())
        file = folder / f"{layer}.filters.png"
        save_sheet(file, tiles, COLUMNS, tile_side(tiles), palette=False)
        yield f"{file}: {len(tiles)} of {module.out_channels} filters, each on its own scale, mid-grey is 0"
    yield _draw_output(subject, layer, output, folder)


def open_image(values: dict[str, Any], image: Path, side: int) -> torch.Tensor:
    """Bring a file to what the network sees, as `presize` and `evaluate` do: `[1, 3, side, side]`, float32 in [0, 1].

    Raises:
        DataError: there is no such file, or it is no image that can be decoded.
    """
    if not image.is_file():
        raise DataError(f"{image}: there is no such file")
    try:
        depth = read_depth(IMAGES) if IMAGES.is_file() else USUAL_DEPTH
        square = params.check("presize", Presize, values["presize"]).square(depth).read(image)
    except UnreadableError as error:
        raise DataError(f"{image}: {error}") from error
    return resize(torch.from_numpy(np.array(square))[None], side)


def _draw_output(subject: Subject, layer: str, output: torch.Tensor, folder: Path) -> str:
    """Draw what a layer gave, `[1, ...]`, and say so in a line."""
    layout = find_layout(subject.network.part_of(layer).body, output)
    if layout is not None:
        maps = layout.grid(output)[0].numpy()
        tiles, file = map_tiles(maps), folder / f"{layer}.maps.png"
        save_sheet(file, tiles, COLUMNS, tile_side(tiles), palette=False)
        order = "the strongest first" if len(maps) <= MAX_TILES else "the strongest"
        return f"{file}: {len(tiles)} of {len(maps)} channels of {layout.side} x {layout.side}, {order}"
    numbers = np.ascontiguousarray(output[0].flatten().numpy())
    are_logits = layer in ("head", "head.linear") and len(numbers) == len(subject.classes)
    names = subject.classes if are_logits else [str(index) for index in range(len(numbers))]
    file = folder / f"{layer}.bars.png"
    save_bars(file, numbers, names, f"{layer}: {' x '.join(map(str, output.shape[1:]))} numbers")
    return f"{file}: the largest of {len(numbers)} numbers, which lie on no grid"


def save_bars(path: Path, values: NDArray[np.float32], names: list[str], title: str) -> None:
    """Draw those 40 of the numbers `[C]`, by their names, that are furthest from 0, the largest first."""
    furthest = np.argsort(-np.abs(values), kind="stable")[:40]
    order = furthest[np.argsort(-values[furthest], kind="stable")]
    figure = Figure(figsize=(7, 1.2 + 0.2 * len(order)), layout="constrained")
    axes = figure.subplots()
    axes.barh(range(len(order)), values[order], color=np.where(values[order] >= 0, "#2f6db5", "#c62828").tolist())
    axes.set_yticks(range(len(order)), plain([names[index] for index in order]), fontsize=8)
    axes.invert_yaxis()
    axes.axvline(0, color="black", linewidth=0.8)
    axes.set_title(title, fontsize=10)
    save_figure(figure, path)


def map_tiles(maps: NDArray[np.float32]) -> list[Tile]:
    """The channels of maps `[C, h, w]` that respond most strongly, the strongest first, each scaled to its own range.

    A channel is as strong as its values deviate from their mean: one that is the same everywhere
    says nothing of where anything is.
    """
    strength = maps.std((1, 2), dtype=np.float64)
    tiles = []
    for channel in np.argsort(-strength, kind="stable")[:MAX_TILES]:
        values = maps[channel]
        low, high = float(values.min()), float(values.max())
        is_level = high - low <= 1e-4 * max(abs(low), abs(high))  # but for rounding
        share = np.zeros_like(values) if is_level else (values - low) / (high - low)
        coloured = (colormaps["viridis"](share)[..., :3] * 255).round().astype(np.uint8)
        tiles.append(Tile(_enlarge(coloured), (f"channel {channel}", f"{low:.2g} to {high:.2g}")))
    return tiles


def filter_tiles(weight: NDArray[np.float32]) -> list[Tile]:
    """Filters `[C, 3, k, k]`, each scaled so that a weight of 0 is mid-grey and its largest is black or white.

    Of more than fit a sheet the largest are shown, in their order.
    """
    largest = np.argsort(-np.square(weight, dtype=np.float64).sum((1, 2, 3)), kind="stable")[:MAX_TILES]
    tiles = []
    for channel in np.sort(largest):
        values = weight[channel].transpose(1, 2, 0)
        reach = float(np.abs(values).max()) or 1.0
        pixels = (255 * (0.5 + values / (2 * reach))).round().astype(np.uint8)
        tiles.append(Tile(_enlarge(pixels), (f"filter {channel}", f"up to {reach:.2g}")))
    return tiles


def tile_side(tiles: list[Tile]) -> int:
    """Side in pixels to show tiles at: a whole multiple of theirs where they are small, so that no cell is blurred."""
    side = max(tile.pixels.shape[0] for tile in tiles)
    return side if side <= 1.5 * TILE_SIDE else TILE_SIDE


def _enlarge(pixels: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Repeat pixels until the tile is about `TILE_SIDE` pixels a side."""
    times = max(1, round(TILE_SIDE / max(pixels.shape[:2])))
    return pixels.repeat(times, axis=0).repeat(times, axis=1)
