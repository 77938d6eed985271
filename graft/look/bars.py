"""The numbers of a layer that gives no maps, as bars."""

from pathlib import Path

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray

from graft.figure import plain, save_figure

MOST = 40


def save_bars(path: Path, values: NDArray[np.float32], names: list[str], title: str) -> None:
    """Draw the numbers that are furthest from 0, the largest first.

    Args:
        values: `[C]`.
        names: of each.
    """
    furthest = np.argsort(-np.abs(values), kind="stable")[:MOST]
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
