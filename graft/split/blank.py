"""Paths with what tells the label in them blanked: there it is the label itself, not a clue to it.

The same is blanked in every path, whatever the picture's own label. Were only that blanked, the place
of the blank would give it away: ``img_00012.png`` would become ``img_*0012.png`` where the label is 0.
"""

import re
import unicodedata
from collections.abc import Collection, Iterable


def blanked(paths: Iterable[str], classes: Collection[str], pattern: str | None) -> list[str]:
    """Blank in each path the name of every class that stands there as a word, or as a number, of its own.

    Args:
        paths: of the pictures.
        classes: their names.
        pattern: the label rule's, if it has one: what its group ``label`` reads is blanked, too.
    """
    rule = None if pattern is None else re.compile(pattern)
    words = re.compile(rf"(?<![^\W_])(?:{'|'.join(_word(name) for name in sorted(classes, key=_longest_first))})")
    return [words.sub("*", _unread(unicodedata.normalize("NFC", path), rule)) for path in paths]


def _longest_first(name: str) -> tuple[int, str]:
    return -len(name), name


def _word(name: str) -> str:
    """A word may be followed by a counter, ``cat012``; a number by nothing that would make it another."""
    return re.escape(name) + (r"(?![^\W_])" if name[-1].isdigit() else r"(?![^\W\d_])")


def _unread(path: str, rule: re.Pattern[str] | None) -> str:
    spans = [found.span("label") for found in rule.finditer(path) if found["label"]] if rule else []
    for start, end in reversed(spans):
        path = f"{path[:start]}*{path[end:]}"
    return path
