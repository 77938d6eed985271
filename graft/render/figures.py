"""Fonts of this machine for names in any script."""

import warnings
from functools import cache
from pathlib import Path

import matplotlib as mpl
from matplotlib.figure import Figure

from graft.core.files import new_file

BASE = "DejaVu Sans"
"""Comes with matplotlib: Latin, Greek, Cyrillic, Hebrew, Arabic."""
WIDE = (
    "Noto Sans CJK SC", "Noto Sans CJK JP", "Noto Sans SC", "Source Han Sans SC", "WenQuanYi Zen Hei", "PingFang SC",
    "Hiragino Sans", "Microsoft YaHei", "Yu Gothic", "Malgun Gothic", "Droid Sans Fallback", "Arial Unicode MS",
    "Noto Sans Devanagari", "Noto Sans Thai", "Nirmala UI", "Noto Emoji", "Symbola", "Segoe UI Emoji",
)  # fmt: skip
"""What systems bring for other scripts, the widest first; colour fonts cannot be drawn."""


@cache
def families() -> tuple[str, ...]:
    """Names of the fonts that are there, in the order in which a letter is looked for."""
    from matplotlib.font_manager import fontManager

    there = set(fontManager.get_font_names())
    return BASE, *(name for name in WIDE if name in there)


@cache
def _letters() -> dict[Path, set[int]]:
    """Which letters the file of each font has."""
    from matplotlib.font_manager import findfont, get_font

    return {(file := Path(findfont(name))): set(get_font(file).get_charmap()) for name in families()}


def covering(text: str) -> Path | None:
    """File of the first font that has every letter of a text; None where no one has."""
    wanted = {ord(letter) for letter in text if not letter.isspace()}
    return next((file for file, letters in _letters().items() if wanted <= letters), None)


# a text asks for its font when it is made, so this holds before any figure is
mpl.rcParams["font.family"] = list(families())


def save_figure(figure: Figure, path: Path) -> None:
    """Write a figure: only what is drawn, no software version."""
    with new_file(path) as partial, warnings.catch_warnings():
        # where no font has a letter a box stands for it, which the reader sees
        warnings.filterwarnings("ignore", r"Glyph \d+ .* missing from font")
        figure.savefig(partial, format="png", dpi=110, metadata={"Software": None})


def plain(names: list[str], longest: int = 32) -> list[str]:
    """Names as matplotlib shows them letter by letter: what stands between two ``$`` it reads as mathematics.

    Of long ones the middle is left out: names differ at their ends.
    """
    half = longest // 2
    short = (name if len(name) <= longest else f"{name[:half]}\u2026{name[half + 1 - longest :]}" for name in names)
    return [name.replace("$", r"\$") for name in short]
