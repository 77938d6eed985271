"""Detect how a text table is written: encoding, separator, comments, and whether it begins with a header."""

import csv
import re
from collections import Counter
from collections.abc import Sequence
from contextlib import suppress
from itertools import islice, zip_longest
from pathlib import Path
from typing import Any

from graft.apps.use.column_names import PATHS, is_known
from graft.apps.use.table_places import Places
from graft.labels.text_tables import SEPARATORS, decode, text_rows

ROWS = 200  # that are looked at
FALLBACK = "cp1252"  # what Excel in Western Europe and America writes, if not UTF-8


def detect_shape(file: Path, places: Places) -> tuple[dict[str, Any], list[str]]:
    """Keys of ``labels.table`` that say how a file is written, and what a person should read about them.

    Raises:
        ValueError: there is no text, or in no encoding that is known.
    """
    shape: dict[str, Any] = {}
    notes = []
    try:
        text = decode(file)
    except ValueError as error:
        try:
            text = decode(file, FALLBACK)
        except ValueError:
            raise error from None
        shape["encoding"] = FALLBACK
        odd = next(word for word in re.findall(r"\w+", text) if not word.isascii())
        notes.append(f"{file.name} is no UTF-8; read as {FALLBACK}, it says {odd!r}: check that, or set its encoding")
    if not text.strip():
        raise ValueError("is empty")
    if re.match(r"#+[^#,;\t]", text):  # a column may be called #
        shape["comment"] = "#"
    separator, rows = _separator(text, shape.get("comment"), places)
    if separator != "comma":
        shape["separator"] = separator
    if not has_header(rows, places):
        shape["columns"] = [f"column{number}" for number in range(1, max(map(len, rows)) + 1)]
    return shape, notes


def has_header(rows: Sequence[Sequence[str]], places: Places) -> bool:
    """Whether the first row names columns: it is of another kind than the rows below it."""
    first = [cell.strip() for cell in rows[0]]
    columns = [[cell.strip() for cell in column] for column in zip_longest(*rows[1:], fillvalue="")]
    if any(cell.lower() in PATHS.split() for cell in first):
        return True
    if any(map(places.is_named, first)):
        return False
    if any(cell and column.count(cell) > 1 for cell, column in zip(first, columns, strict=False)):
        return False
    if any(map(is_known, first)):
        return True
    kinds = [(_is_number(cell), all(map(_is_number, column))) for cell, column in zip(first, columns, strict=False)]
    if (False, True) in kinds:
        return True
    return not any(number for number, _ in kinds)


def _separator(text: str, comment: str | None, places: Places) -> tuple[str, list[list[str]]]:
    """The separator by which most rows have a cell that names an image, and equally many cells; and those rows."""
    best: tuple[float, float] = (-1, -1)
    found: tuple[str, list[list[str]]] = ("whitespace", [])
    said = re.match(r'"?sep=(.)', text)
    for name in ("tab", "semicolon", "comma", "whitespace"):
        if said and SEPARATORS.get(name) != said[1]:
            continue
        with suppress(csv.Error):
            rows = [row for _, row in islice(text_rows(text, name, comment), ROWS)]
            widths = Counter(len(row) for row in rows)
            alike = max((count for width, count in widths.items() if width > 1), default=0) / len(rows)
            named = sum(any(map(places.is_named, row)) for row in rows) if alike > 0.5 else 0
            if (named, alike) > best:
                best, found = (named, alike), (name, rows)
    return found


def _is_number(cell: str) -> bool:
    return re.fullmatch(r"[-+]?(\d+[.,]?\d*|[.,]\d+)(e[-+]?\d+)?|", cell.lower()) is not None
