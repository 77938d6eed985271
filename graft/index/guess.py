"""Guess, for a person to confirm, which table names the pictures and which of its columns says what."""

import csv
import posixpath
from collections import Counter
from collections.abc import Sequence
from pathlib import Path, PurePosixPath
from typing import Any

import pandas as pd

from graft.errors import DataError
from graft.index.table import Table, located, read_columns
from graft.index.text_table import SEPARATORS

LABELS = ("label", "labels", "class", "category", "target", "species", "breed", "diagnosis", "y")
"""Columns that are usually the label, best first."""

GROUPS = ("group", "patient", "patient_id", "subject", "subject_id", "case_id", "site", "slide")
"""Columns that usually name a unit which must not straddle splits."""

ROWS = 2000
"""Rows that are looked at to find the columns."""


def guess_table(root: Path, name: str, pictures: Sequence[str]) -> tuple[dict[str, Any], Counter[str]] | None:
    """Return the section ``labels.table`` for a file, and its classes with their counts of pictures.

    None if no column names pictures, or none looks like a label.
    """
    try:
        shape = _shape(root / name)
        columns = read_columns(Table(file=name, path="", label="", **shape), root)
    except (DataError, OSError, UnicodeDecodeError, csv.Error):
        return None
    found = _path_column(columns.head(ROWS), PurePosixPath(name).parent.as_posix(), pictures)
    if found is None:
        return None
    path, where = found
    rest = [column for column in columns.columns if column != path]
    label = _label_column(columns, rest)
    if label is None:
        return None
    table: dict[str, Any] = {"file": name} | shape | {"path": path}
    if where != "{path}":
        table["where"] = where
    table["label"] = label
    if group := next((column for column in rest if column.lower() in GROUPS), None):
        table["group"] = group
    known = set(pictures)
    folder = PurePosixPath(name).parent.as_posix()
    inside = [located(folder, where, value) in known for value in columns[path]]
    return table, Counter(value for value in columns[label][inside] if value)


def _shape(file: Path) -> dict[str, Any]:
    """Separator and, where the first line is already a row, names for the columns."""
    if file.suffix == ".parquet":
        return {}
    with file.open(encoding="utf-8-sig") as lines:
        head = [line for _, line in zip(range(20), lines, strict=False)]
    text = "".join(head)
    names = {separator: name for name, separator in SEPARATORS.items() if name != "whitespace"}
    counts = {name: min(line.count(separator) for line in head) for separator, name in names.items()} if head else {}
    separator = max(counts, key=lambda name: counts[name]) if any(counts.values()) else "whitespace"
    shape: dict[str, Any] = {} if separator == "comma" else {"separator": separator}
    first = (
        head[0].split() if separator == "whitespace" else next(csv.reader(head[:1], delimiter=SEPARATORS[separator]))
    )
    # a header does not itself name a file
    if any(PurePosixPath(word).suffix for word in first) or not csv.Sniffer().has_header(text):
        shape["columns"] = [f"column{number}" for number in range(1, len(first) + 1)]
    return shape


def _path_column(columns: pd.DataFrame, folder: str, pictures: Sequence[str]) -> tuple[str, str] | None:
    """The column most of whose values lead to pictures, and how they do."""
    known = set(pictures)
    by_name = {PurePosixPath(path).name: path for path in pictures}
    by_stem = {PurePosixPath(path).stem: path for path in pictures}
    best, most = None, len(columns) / 2
    for column in columns.columns:
        values = [value.strip() for value in columns[column]]
        example = next((value for value in values if PurePosixPath(value).name in by_name | by_stem), None)
        if not example:
            continue
        name = PurePosixPath(example).name
        path = by_name.get(name) or by_stem[name]
        for where in _ways(path, example, folder):
            hits = sum(located(folder, where, value) in known for value in values)
            if hits > most:
                best, most = (str(column), where), hits
    return best


def _ways(path: str, value: str, folder: str) -> list[str]:
    """Templates by which a value may lead from the table's folder to a picture."""
    before, found, after = path.rpartition(value)
    if not found:
        return ["{path}"]
    relative = posixpath.relpath(before or ".", folder)
    return ["{path}" + after if relative == "." else f"{relative}/{{path}}{after}", "{path}"]


def _label_column(columns: pd.DataFrame, rest: Sequence[str]) -> str | None:
    """A column with a telling name, else the one with the fewest values of which there are at least two."""
    named = {column.lower(): column for column in rest}
    for name in LABELS:
        if name in named and columns[named[name]].nunique() > 1:
            return named[name]
    distinct = {column: columns[column].nunique() for column in rest}
    few = [column for column in rest if 2 <= distinct[column] <= max(2, len(columns) / 3)]
    return min(few, key=lambda column: distinct[column]) if few else None
