"""See the dataset: a few pictures of each class, how many there are of each, and how large they are."""

from pathlib import Path

import numpy as np
import pandas as pd
from matplotlib.colors import LogNorm
from matplotlib.figure import Figure

from graft.core.seeds import derive
from graft.images.decode import Square
from graft.render.figures import plain, save_figure
from graft.render.sheets import Tile, save_sheet

CLASSES, EACH = 8, 6
"""Classes on the sample sheet, one a row, and pictures of each."""

BARS = 40
"""Classes with a bar of their own; of more, the largest and the smallest."""

SIDE = 128


def save_samples(path: Path, root: Path, labels: pd.Series) -> None:
    """Draw a few pictures of each class, chosen at random but the same on every run.

    Args:
        path: of the PNG.
        root: folder of the pictures.
        labels: class by path; a picture of several classes comes once for each.
    """
    names = labels.value_counts().sort_index()
    shown = names.index if len(names) <= CLASSES else names.index[:: -(-len(names) // CLASSES)]
    tiles: list[Tile] = []
    for name in shown:
        generator = np.random.default_rng(derive(0, "samples", str(name)))
        paths = labels.index[labels == name].to_numpy()
        some = [paths[place] for place in generator.permutation(len(paths))[:EACH]]
        tiles += [Tile(Square(SIDE).read(root / one), (str(name), Path(one).name)) for one in some]
        blank = np.full((SIDE, SIDE, 3), 255, dtype=np.uint8)
        tiles += [Tile(blank)] * (EACH - len(some))  # each class has its row
    save_sheet(path, tiles, columns=EACH, side=SIDE)


def save_counts(path: Path, labels: pd.Series) -> None:
    """Draw how many pictures each class has, the most frequent first."""
    counts = labels.value_counts().sort_index().sort_values(ascending=False, kind="stable")
    if len(counts) > BARS:
        counts = pd.concat([counts[: BARS // 2], counts[-BARS // 2 :]])
    figure = Figure(figsize=(7, 1.2 + 0.28 * len(counts)), layout="constrained")
    axes = figure.subplots()
    bars = axes.barh(range(len(counts)), counts.to_numpy(), color="#4a7ab5")
    axes.bar_label(bars, padding=3, fontsize=8)
    axes.set_yticks(range(len(counts)), plain([str(name) for name in counts.index]), fontsize=8)
    axes.invert_yaxis()
    axes.set_xlabel("images")
    axes.spines[["top", "right"]].set_visible(False)
    save_figure(figure, path)


def save_sizes(path: Path, images: pd.DataFrame) -> None:
    """Draw how wide and high the pictures are, as they stand upright: darker is more."""
    width, height = images["width"].to_numpy(dtype=np.float64), images["height"].to_numpy(dtype=np.float64)
    figure = Figure(figsize=(5.5, 4.6), layout="constrained")
    axes = figure.subplots()
    largest = max(width.max(), height.max()) * 1.05
    drawn = axes.hexbin(
        width, height, gridsize=30, extent=(0, largest, 0, largest), mincnt=1, cmap="viridis_r", norm=LogNorm()
    )
    figure.colorbar(drawn, ax=axes, label="images")
    axes.set(xlim=(0, largest), ylim=(0, largest), xlabel="width in pixels", ylabel="height in pixels", aspect="equal")
    save_figure(figure, path)
