"""Figures as PNG, the same bytes on every run."""

import warnings
from pathlib import Path

import matplotlib as mpl
from matplotlib.figure import Figure

from graft import atomic
from graft.fonts import families

LONGEST = 32
"""Letters of a name beside a figure: longer ones would leave it no room."""

# a text asks for its font when it is made, so this holds before any figure is
mpl.rcParams["font.family"] = list(families())


def save_figure(figure: Figure, path: Path) -> None:
    """Write a figure: only what is drawn, no software version."""
    with atomic.new_file(path) as partial, warnings.catch_warnings():
        # where no font has a letter a box stands for it, which the reader sees
        warnings.filterwarnings("ignore", r"Glyph \d+ .* missing from font")
        figure.savefig(partial, format="png", dpi=110, metadata={"Software": None})


def plain(names: list[str], longest: int = LONGEST) -> list[str]:
    """Names as matplotlib shows them letter by letter: what stands between two ``$`` it reads as mathematics.

    Of long ones the middle is left out: names differ at their ends.
    """
    return [_shortened(name, longest).replace("$", r"\$") for name in names]


def _shortened(name: str, longest: int) -> str:
    begin = longest // 2
    return name if len(name) <= longest else f"{name[:begin]}\u2026{name[begin + 1 - longest :]}"
