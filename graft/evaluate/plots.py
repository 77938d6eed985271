"""Plots as PNG, the same bytes on every run."""

from pathlib import Path

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray

from graft.figure import plain, save_figure

LABELLED = 30
"""Up to this many classes a confusion matrix bears numbers in its cells."""


def save_confusion(path: Path, counts: NDArray[np.int64], classes: list[str]) -> None:
    """Draw a confusion matrix, each row coloured by its share of the actual class."""
    side = min(14.0, 2.6 + 0.55 * len(classes))
    shares = counts / counts.sum(1, keepdims=True).clip(1)
    figure = Figure(figsize=(side + 0.6, side), layout="constrained")
    axes = figure.subplots()
    axes.imshow(shares, cmap="Blues", vmin=0, vmax=1)
    places = range(len(classes))
    small = 9 if len(classes) <= LABELLED else 5
    names = plain(classes)
    axes.set_xticks(places, names, rotation=45 if len(classes) <= 4 else 90, ha="right", fontsize=small)
    axes.set_yticks(places, names, fontsize=small)
    axes.set_xlabel("predicted")
    axes.set_ylabel("actual")
    if len(classes) <= LABELLED:
        for row in places:
            for column in places:
                colour = "white" if shares[row, column] > 0.55 else "black"
                axes.text(column, row, str(counts[row, column]), ha="center", va="center", color=colour, fontsize=9)
    save_figure(figure, path)
