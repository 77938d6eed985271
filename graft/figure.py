"""Figures as PNG, the same bytes on every run."""

from pathlib import Path

import matplotlib as mpl
from matplotlib.figure import Figure

from graft import atomic


def save_figure(figure: Figure, path: Path) -> None:
    """Write a figure: only what is drawn, no software version."""
    with atomic.new_file(path) as partial, mpl.rc_context({"svg.hashsalt": "graft"}):
        figure.savefig(partial, format="png", dpi=110, metadata={"Software": None})


def plain(names: list[str]) -> list[str]:
    """Names as matplotlib shows them letter by letter: what stands between two ``$`` it reads as mathematics."""
    return [name.replace("$", r"\$") for name in names]
