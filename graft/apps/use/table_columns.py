"""Detect, for a person to confirm, which table labels the images and what its columns hold."""

import csv
import posixpath
from collections import Counter
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from itertools import islice
from pathlib import Path, PurePosixPath
from typing import Any

import pandas as pd

from graft.core.errors import DataError
from graft.labels.tables import SEPARATORS, Table, located, nfc, read_columns

# columns that are usually the label, best first; and that usually name a unit which must not straddle splits
LABELS = ("label", "labels", "class", "category", "target", "species", "breed", "diagnosis", "y")
GROUPS = ("group", "patient", "patient_id", "subject", "subject_id", "case_id", "site", "slide")


@dataclass(frozen=True, slots=True)
class Columns:
    """The section ``labels.table``, what separates several labels in a cell, classes, how many images are labelled."""

    table: dict[str, Any]
    separator: str | None
    classes: Counter[str]
    covered: int


def detect_columns(root: Path, name: str, images: Sequence[str]) -> Columns:
    """Detect how a file labels images.

    Raises:
        DataError: it cannot be read, no column names images, or none looks like a label.
    """
    images = [nfc(path) for path in images]
    try:
        shape = _shape(root / name)
        columns = read_columns(Table(file=name, path="", label="", **shape), root)
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(f"{name}: cannot be read as a table: {error}") from error
    folder = PurePosixPath(name).parent.as_posix()
    found = _path_column(columns.head(2000), folder, images)
    if found is None:
        raise DataError(f"{name}: no column names pictures in most of its rows")
    path, where = found
    rest = [column for column in columns.columns if column != path]
    label = _label_column(columns, rest)
    if label is None:
        raise DataError(f"{name}: beside {path}, no column looks like a label")
    table = {"file": name} | shape | {"path": path} | ({} if where == "{path}" else {"where": where}) | {"label": label}
    if group := next((column for column in rest if column.lower() in GROUPS), None):
        table["group"] = group
    known = set(images)
    inside = [located(folder, where, value) in known for value in columns[path]]
    values = [nfc(value.strip()) for value in columns[label][inside]]
    separator = _label_separator(values)
    if separator is None:
        classes = Counter(value for value in values if value)
        return Columns(table, None, classes, classes.total())
    parts = Counter(part for value in values for part in {part.strip() for part in value.split(separator)} if part)
    return Columns(table, separator, parts, len(values))


def _label_separator(values: Sequence[str]) -> str | None:
    """The text between several labels in a cell: split there, the cells are made of fewer names than before."""
    for mark in ("|", ";"):
        parts = {part.strip() for value in values for part in value.split(mark)}
        if any(mark in value for value in values) and len(parts - {""}) <= len(set(values) - {""}):
            return mark
    return None


def _shape(file: Path) -> dict[str, Any]:
    """Separator and, where the first line is already a row, names for the columns.

    Raises:
        DataError: there is no text.
    """
    if file.suffix == ".parquet":
        return {}
    with file.open(encoding="utf-8-sig") as lines:
        head = list(islice((line for line in lines if line.strip()), 20))
    if not head:
        raise DataError(f"{file.name}: is empty")
    # most lines agree on how often a separator stands in them
    counts = {key: Counter(line.count(mark) for line in head).most_common(1)[0][0] for key, mark in SEPARATORS.items()}
    separator = max(counts, key=lambda name: counts[name]) if any(counts.values()) else "whitespace"
    shape: dict[str, Any] = {} if separator == "comma" else {"separator": separator}
    mark = SEPARATORS.get(separator)
    first = next(csv.reader(head[:1], delimiter=mark)) if mark else head[0].split()
    header = not any(PurePosixPath(word).suffix for word in first)  # one does not itself name a file
    with suppress(csv.Error):  # it finds no separator; most tables have a header
        header = header and csv.Sniffer().has_header("".join(head))
    if not header:
        shape["columns"] = [f"column{number}" for number in range(1, len(first) + 1)]
    return shape


def _path_column(columns: pd.DataFrame, folder: str, images: Sequence[str]) -> tuple[str, str] | None:
    """The column most of whose values lead to images, and how they do."""
    known = set(images)
    by_name = {PurePosixPath(path).name: path for path in images}
    by_stem = {PurePosixPath(path).stem: path for path in images}
    known_names = by_name.keys() | by_stem.keys()
    best, most = None, len(columns) / 2
    for column in columns.columns:
        values = [value.strip() for value in columns[column]]
        example = next((value for value in values if PurePosixPath(value).name in known_names), None)
        if not example:
            continue
        name = PurePosixPath(example).name
        path = by_name.get(name) or by_stem[name]
        for where in _templates(path, example, folder):
            found = sum(located(folder, where, value) in known for value in values)
            if found > most:
                best, most = (str(column), where), found
    return best


def _templates(path: str, value: str, folder: str) -> list[str]:
    """Templates by which a value may lead from the table's folder to an image."""
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
