"""Feature maps and filters as tiles of a sheet."""

from pathlib import Path

import numpy as np
from matplotlib import colormaps
from matplotlib.figure import Figure
from numpy.typing import NDArray

from graft.render.figures import plain, save_figure
from graft.render.sheets import Tile

MOST_BARS = 40


def save_bars(path: Path, values: NDArray[np.float32], names: list[str], title: str) -> None:
    """Draw the numbers that are furthest from 0, the largest first.

    Args:
        values: `[C]`.
        names: of each.
    """
    furthest = np.argsort(-np.abs(values), kind="stable")[:MOST_BARS]
    order = furthest[np.argsort(-values[furthest], kind="stable")]
    figure = Figure(figsize=(7, 1.2 + 0.2 * len(order)), layout="constrained")
    axes = figure.subplots()
    places = range(len(order))
    axes.barh(places, values[order], color=["#2f6db5" if value >= 0 else "#c62828" for value in values[order]])
    axes.set_yticks(places, plain([names[place] for place in order]), fontsize=8)
    axes.invert_yaxis()
    axes.axvline(0, color="black", linewidth=0.8)
    axes.set_title(title, fontsize=10)
    save_figure(figure, path)


MOST = 64
"""Tiles a sheet."""
COLUMNS = 8
ROUNDING = 1e-4
"""Values that differ by no more of their size are drawn as equal."""
COLOURS = "viridis"
SIDE = 96
"""About how many pixels a side a tile is shown at."""


def map_tiles(maps: NDArray[np.float32]) -> list[Tile]:
    """The channels that answer most strongly, the strongest first, each scaled to its own range.

    A channel is as strong as its values deviate from their mean: one that is the same everywhere
    says nothing of where anything is.

    Args:
        maps: `[C, h, w]`.
    """
    strength = maps.std((1, 2), dtype=np.float64)
    tiles = []
    for channel in np.argsort(-strength, kind="stable")[:MOST]:
        values = maps[channel]
        low, high = float(values.min()), float(values.max())
        level = high - low <= ROUNDING * max(abs(low), abs(high))
        share = np.zeros_like(values) if level else (values - low) / (high - low)
        coloured = (colormaps[COLOURS](share)[..., :3] * 255).round().astype(np.uint8)
        tiles.append(Tile(_enlarged(coloured), (f"channel {channel}", f"{low:.2g} to {high:.2g}")))
    return tiles


def filter_tiles(weight: NDArray[np.float32]) -> list[Tile]:
    """Filters over the three colours, each scaled so that a weight of 0 is mid-grey and its largest is black or white.

    Args:
        weight: `[C, 3, k, k]`. Of more than fit a sheet the largest are shown, in their order.
    """
    largest = np.argsort(-np.square(weight, dtype=np.float64).sum((1, 2, 3)), kind="stable")[:MOST]
    tiles = []
    for channel in np.sort(largest):
        values = weight[channel].transpose(1, 2, 0)
        reach = float(np.abs(values).max()) or 1.0
        pixels = (255 * (0.5 + values / (2 * reach))).round().astype(np.uint8)
        tiles.append(Tile(_enlarged(pixels), (f"filter {channel}", f"up to {reach:.2g}")))
    return tiles


def side_of(tiles: list[Tile]) -> int:
    """Side in pixels to show tiles at: a whole multiple of theirs where they are small, so that no cell is blurred."""
    side = max(tile.pixels.shape[0] for tile in tiles)
    return side if side <= 1.5 * SIDE else SIDE


def _enlarged(pixels: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Repeat pixels until the tile is about `SIDE` pixels a side."""
    times = max(1, round(SIDE / max(pixels.shape[:2])))
    return pixels.repeat(times, axis=0).repeat(times, axis=1)
