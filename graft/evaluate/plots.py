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
    small, names = _font_size(classes), plain(classes)
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


def save_outcomes(path: Path, counts: NDArray[np.int64], classes: list[str]) -> None:
    """Draw how each class was answered, one row a class.

    Args:
        counts: `[K, 2, 2]`, pictures by whether the class holds, then by whether it is predicted.
            A cell is coloured by its share of the pictures for which the class holds, or does not.
    """
    shares = counts / counts.sum(2, keepdims=True).clip(1)
    figure = Figure(figsize=(6.4, min(14.0, 1.6 + 0.42 * len(classes))), layout="constrained")
    axes = figure.subplots()
    # whether it holds and is predicted: 1 1, 1 0, 0 1, 0 0
    laid = shares[:, ::-1, ::-1].reshape(len(classes), 4)
    numbers = counts[:, ::-1, ::-1].reshape(len(classes), 4)
    axes.imshow(laid, cmap="Blues", vmin=0, vmax=1, aspect="auto")
    axes.set_xticks(range(4), ["true\npositive", "false\nnegative", "false\npositive", "true\nnegative"], fontsize=9)
    axes.set_yticks(range(len(classes)), plain(classes), fontsize=_font_size(classes))
    axes.axvline(1.5, color="white", linewidth=4)
    if len(classes) <= LABELLED:
        for (row, column), share in np.ndenumerate(laid):
            colour = "white" if share > 0.55 else "black"
            axes.text(column, row, str(numbers[row, column]), ha="center", va="center", color=colour, fontsize=9)
    save_figure(figure, path)


def _font_size(classes: list[str]) -> int:
    return 9 if len(classes) <= LABELLED else 5
