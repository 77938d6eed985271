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


def covering(text: str) -> Path | None:
    """File of the first font that has every letter of a text; None where no one has."""
    wanted = {ord(letter) for letter in text if not letter.isspace()}
    return next((file for file, letters in _files() if wanted <= letters), None)


@cache
def _files() -> list[tuple[Path, set[int]]]:
    """Files of the fonts, and which letters each has."""
    from matplotlib.font_manager import findfont, get_font

    files = [Path(findfont(name)) for name in families()]
    return [(file, set(get_font(file).get_charmap())) for file in files]


LONGEST = 32
"""Letters of a name beside a figure: longer ones would leave it no room."""

# a text asks for its font when it is made, so this holds before any figure is
mpl.rcParams["font.family"] = list(families())


def save_figure(figure: Figure, path: Path) -> None:
    """Write a figure: only what is drawn, no software version."""
    with new_file(path) as partial, warnings.catch_warnings():
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
