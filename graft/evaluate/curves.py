"""The curves of the training, side by side for the report."""

from pathlib import Path

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from graft.figure import save_figure

COLOURS = ("#2f6db5", "#d1762c", "#3f8f4f", "#a4468f", "#7a5c45", "#5b6470")


def save_training(path: Path, head: Path, finetune: Path) -> bool:
    """Draw loss and figures over epochs, of the head and of the fine-tuning; say whether there was any.

    Args:
        head, finetune: folders of curves, `<split>/<figure>.tsv` with the columns step and the figure.
    """
    panels = {
        "head: valid loss": _read(head, "valid/loss*.tsv"),
        "fine-tuning: loss": _read(finetune, "*/loss.tsv"),
        "fine-tuning: valid": {
            name: curve for name, curve in _read(finetune, "valid/*.tsv").items() if "loss" not in name
        },
    }
    drawn = {title: curves for title, curves in panels.items() if curves}
    if not drawn:
        return False
    figure = Figure(figsize=(3.6 * len(drawn), 3.0), layout="constrained")
    for axes, (title, curves) in zip(figure.subplots(1, len(drawn), squeeze=False)[0], drawn.items(), strict=True):
        _draw(axes, title, curves)
    save_figure(figure, path)
    return True


def _draw(axes: Axes, title: str, curves: dict[str, pd.Series]) -> None:
    for number, (name, curve) in enumerate(curves.items()):
        colour = COLOURS[number % len(COLOURS)]
        axes.plot(curve.index, curve, label=name, color=colour, linewidth=1.4, marker="." if len(curve) < 20 else "")
    axes.set_title(title, fontsize=10, loc="left")
    axes.set_xlabel("epoch")
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.spines[["top", "right"]].set_visible(False)
    axes.legend(fontsize=8, frameon=False)


def _read(folder: Path, pattern: str) -> dict[str, pd.Series]:
    """Curves by what tells them apart: the split, or the name of the figure."""
    found = {}
    for file in sorted((folder / "plots" / "metrics").glob(pattern)):
        curve = pd.read_csv(file, sep="\t", index_col="step").iloc[:, 0]
        name = file.parent.name if file.stem == "loss" else file.stem.removeprefix("loss_")
        found[name.replace("l2_", "l2 ").replace("_", " ")] = curve
    return found
