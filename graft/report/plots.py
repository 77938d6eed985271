"""Plots of what was measured and how it was trained, as PNG, the same bytes on every run."""

import math
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.colors import PowerNorm
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator, PercentFormatter
from numpy.typing import NDArray

from graft.evaluate.calibration import calibration_error
from graft.evaluate.decision import Answered
from graft.render.figures import plain, save_figure
from graft.render.sheets import save_note

LABELLED = 30
"""Up to this many classes a confusion matrix bears numbers in its cells."""
BESIDE = 8
"""Up to this many classes counts and shares stand side by side; else one below the other, each as wide as the page."""
TINY = 6
"""Points of the names of many classes."""
COLOURS = ("#2f6db5", "#d1762c", "#3f8f4f", "#a4468f", "#7a5c45", "#5b6470")


def save_confusion(path: Path, counts: NDArray[np.int64], classes: list[str]) -> None:
    """Draw which classes are taken for which or, where any number of classes may hold, how each was answered.

    Args:
        counts: `[K, K]` by actual and predicted class, or `[K, 2, 2]`, as `graft.evaluate` counts them.
    """
    draw = _draw_outcomes if counts.ndim == 3 else _draw_matrices
    save_figure(draw(counts, classes), path)


def _draw_matrices(counts: NDArray[np.int64], classes: list[str]) -> Figure:
    """Draw a confusion matrix twice: as counts of images, and as shares of the actual class.

    Args:
        counts: `[K, K]`, images by actual class (row), then by predicted class.
    """
    totals = counts.sum(1, keepdims=True)
    shares = counts / totals.clip(1)
    percent = [[f"{share:.0%}" if total else "" for share in row] for row, total in zip(shares, totals, strict=True)]
    side = min(13.0, max(3.4, 2.2 + 0.45 * len(classes)))
    beside = len(classes) <= BESIDE
    figure = Figure(figsize=(2 * side, side) if beside else (side + 0.8, 2 * side), layout="constrained")
    left, right = figure.subplots(1, 2, sharey=True) if beside else figure.subplots(2, 1)
    most = max(1, int(counts.max(initial=0)))
    _draw_matrix(left, counts, counts.astype(str).tolist(), classes, most, side)
    left.set_title("images", fontsize=10)
    _draw_matrix(right, shares, percent, classes, 1, side)
    right.set_title("share of the actual class", fontsize=10)
    left.set_ylabel("actual")
    if not beside:
        right.set_ylabel("actual")
    return figure


def _draw_matrix(
    axes: Axes, values: NDArray[Any], texts: list[list[str]], classes: list[str], most: float, side: float
) -> None:
    """Draw one of the two, white for 0 and dark for `most`, on axes about `side` inches wide."""
    numbered = len(classes) <= LABELLED
    # of many classes each mistake is a small share; the square root lets it be seen
    few = len(classes) <= BESIDE
    norm = PowerNorm(1.0 if few else 0.5, vmin=0, vmax=most)
    drawn = axes.imshow(values, cmap="Blues", norm=norm)
    ticks = _ticks(len(classes), side)
    names = plain([classes[tick] for tick in ticks])
    small = 9 if numbered else TINY
    if len(classes) <= 4:
        axes.set_xticks(ticks, names, rotation=45, ha="right", rotation_mode="anchor", fontsize=small)
    else:
        axes.set_xticks(ticks, names, rotation=90, fontsize=small)
    axes.set_yticks(ticks, names, fontsize=small)
    axes.set_xlabel("predicted")
    if not numbered:
        figure = axes.get_figure()
        assert figure is not None
        figure.colorbar(drawn, ax=axes, fraction=0.04, pad=0.02)
        return
    for (row, column), value in np.ndenumerate(values):
        colour = "white" if norm(value) > 0.6 else "black" if value else "#b0b7c0"
        if value or few:  # many zeros would hide the rest
            axes.text(column, row, texts[row][column], ha="center", va="center", color=colour, fontsize=small)


def _ticks(count: int, inches: float) -> list[int]:
    """Positions of the classes that are named along so many inches: all, or as many as can be read."""
    line = (TINY + 1) / 72
    return list(range(0, count, max(1, math.ceil(count * line / (0.85 * inches)))))


def _draw_outcomes(counts: NDArray[np.int64], classes: list[str]) -> Figure:
    """Draw how each class was answered, one row a class.

    Args:
        counts: `[K, 2, 2]`, images by whether the class holds, then by whether it is predicted.
            A cell is coloured by its share of the images for which the class holds, or does not.
    """
    shares = counts / counts.sum(2, keepdims=True).clip(1)
    height = min(14.0, 1.6 + 0.42 * len(classes))
    figure = Figure(figsize=(6.4, height), layout="constrained")
    axes = figure.subplots()
    # whether it holds and is predicted: 1 1, 1 0, 0 1, 0 0
    cells = shares[:, ::-1, ::-1].reshape(len(classes), 4)
    numbers = counts[:, ::-1, ::-1].reshape(len(classes), 4)
    axes.imshow(cells, cmap="Blues", vmin=0, vmax=1, aspect="auto")
    axes.set_xticks(range(4), ["true\npositive", "false\nnegative", "false\npositive", "true\nnegative"], fontsize=9)
    ticks = _ticks(len(classes), height)
    numbered = len(classes) <= LABELLED
    axes.set_yticks(ticks, plain([classes[tick] for tick in ticks]), fontsize=9 if numbered else TINY)
    axes.axvline(1.5, color="white", linewidth=4)
    if numbered:
        for (row, column), share in np.ndenumerate(cells):
            colour = "white" if share > 0.55 else "black"
            axes.text(column, row, str(numbers[row, column]), ha="center", va="center", color=colour, fontsize=9)
    return figure


def save_reliability(path: Path, table: Path, ylabel: str) -> None:
    """Draw the share of answers that hold over confidence, before and after the temperature.

    Args:
        table: reliability.csv.
        ylabel: what the share is called.
    """
    figure = Figure(figsize=(4.8, 4.8), layout="constrained")
    axes = figure.subplots()
    axes.plot([0, 1], [0, 1], color="#5b6470", linewidth=1, linestyle=":")
    for name, rows in pd.read_csv(table).groupby("temperature", sort=False):
        colour = COLOURS[0] if name == "after" else "#9aa4b0"
        label = f"{name}, ECE {calibration_error(rows):.3f}"
        axes.plot(rows["confidence"], rows["share"], color=colour, linewidth=1.2, label=label)
        # the area of a dot is the share of the answers
        sizes = 250 * rows["answers"] / rows["answers"].sum() + 6
        axes.scatter(rows["confidence"], rows["share"], s=sizes, color=colour)
    axes.set(xlim=(0, 1.02), ylim=(-0.02, 1.02), xlabel="confidence", ylabel=ylabel, aspect="equal")
    axes.spines[["top", "right"]].set_visible(False)
    axes.legend(loc="upper left", frameon=False)
    save_figure(figure, path)


def save_coverage(path: Path, table: Path, answered: Answered | None) -> None:
    """Draw the accuracy of the answers over the share of images answered.

    Args:
        table: coverage.csv; absent where every image is answered, which the plot then says.
        answered: what is answered, where the network may abstain; its share is marked.
    """
    if not table.is_file():
        return save_note(path, "with several labels an image, every image is answered")
    curve = pd.read_csv(table)
    figure = Figure(figsize=(5.6, 3.6), layout="constrained")
    axes = figure.subplots()
    axes.plot(curve["coverage"], curve["accuracy"], color=COLOURS[0], drawstyle="steps-post")
    if answered:
        axes.axvline(answered.coverage, color="#c62828", linewidth=1, linestyle="--")
    for axis in (axes.xaxis, axes.yaxis):
        axis.set_major_formatter(PercentFormatter(1.0, decimals=0))
    axes.set(xlabel="images answered, the most confident first", ylabel="correct answers", xlim=(0, 1))
    axes.spines[["top", "right"]].set_visible(False)
    return save_figure(figure, path)


def save_training(path: Path, head: Path, finetune: Path) -> bool:
    """Draw loss and metrics over epochs, of the head and of the fine-tuning; return whether there are any.

    Args:
        head, finetune: folders of curves, `<split>/<metric>.tsv` with the columns step and the metric.
    """
    panels = {
        "head: valid loss": _read_curves(head, "valid/loss*.tsv"),
        "fine-tuning: loss": _read_curves(finetune, "*/loss.tsv"),
        "fine-tuning: metrics on valid": {  # the loss goes by the name of its split
            name: curve for name, curve in _read_curves(finetune, "valid/*.tsv").items() if name != "valid"
        },
    }
    panels = {title: curves for title, curves in panels.items() if curves}
    if not panels:
        return False
    figure = Figure(figsize=(3.6 * len(panels), 3.0), layout="constrained")
    for axes, (title, curves) in zip(figure.subplots(1, len(panels), squeeze=False)[0], panels.items(), strict=True):
        _draw_curves(axes, title, curves)
    save_figure(figure, path)
    return True


def _draw_curves(axes: Axes, title: str, curves: dict[str, pd.Series]) -> None:
    for number, (name, curve) in enumerate(curves.items()):
        colour = COLOURS[number % len(COLOURS)]
        axes.plot(curve.index, curve, label=name, color=colour, linewidth=1.4, marker="." if len(curve) < 20 else "")
    axes.set_title(title, fontsize=10, loc="left")
    axes.set_xlabel("epoch")
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.spines[["top", "right"]].set_visible(False)
    axes.legend(fontsize=8, frameon=False)


def _read_curves(folder: Path, pattern: str) -> dict[str, pd.Series]:
    """Curves by what tells them apart: the split, or the name of the metric."""
    found = {}
    for file in sorted((folder / "plots" / "metrics").glob(pattern)):
        curve = pd.read_csv(file, sep="\t", index_col="step").iloc[:, 0]
        name = file.parent.name if file.stem == "loss" else file.stem.removeprefix("loss_")
        found[name.replace("l2_", "l2 ").replace("_", " ")] = curve
    return found
