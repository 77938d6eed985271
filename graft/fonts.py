"""Fonts of this machine for names in any script."""

from functools import cache
from pathlib import Path

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
