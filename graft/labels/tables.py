"""A table that labels images: which file, which columns, and what their values mean."""

import csv
import math
import posixpath
import unicodedata
from bisect import bisect_right
from collections import Counter
from itertools import chain
from pathlib import Path, PurePosixPath
from typing import Literal, Self

import numpy as np
import pandas as pd
from pydantic import Field, model_validator

from graft.core.errors import DataError, install, nearest
from graft.core.params import Section

SEPARATORS = {"comma": ",", "tab": "\t", "semicolon": ";"}


def read_text(
    file: Path, separator: str = "comma", columns: list[str] | None = None, comment: str | None = None
) -> pd.DataFrame:
    """Read all columns as text, an empty one for an empty cell; of columns of one name, the first.

    Args:
        file: in UTF-8.
        separator: a key of `SEPARATORS`, or ``whitespace``.
        columns, comment: see `Table`.

    Raises:
        DataError: a line has more or fewer fields than there are columns.
        ValueError: the file is empty or no text. csv.Error: a field has no end.
    """
    header, rows = columns, []
    with file.open(encoding="utf-8-sig", newline="") as text:
        lines = (_uncommented(line, comment) for line in text)
        if separator == "whitespace":
            lines = (" ".join(line.split()) for line in lines)
        reader = csv.reader(lines, delimiter=SEPARATORS.get(separator, " "))
        for row in reader:
            if len(row) <= 1 and not "".join(row).strip():
                continue
            if header is None:
                header = row
            elif len(row) == len(header):
                rows.append(row)
            else:
                raise DataError(
                    f"{file.name}: line {reader.line_num} has {len(row)} fields where {len(header)} are expected; "
                    "quote a field that holds the separator, and leave none out"
                )
    if header is None:
        raise ValueError("it is empty")
    table = pd.DataFrame(rows, columns=header, dtype=str)
    return table.loc[:, ~table.columns.duplicated()]


def _uncommented(line: str, comment: str | None) -> str:
    if comment is None or ('"' in line and not line.startswith(comment)):  # it may stand within a field
        return line
    return line.partition(comment)[0]


RESERVED = {"path", "label", "labels", "group", "split", "list", "unlabelled"}
"""Columns of labels.csv and split.csv that graft writes itself, and the reason why an image has no label."""


class Bins(Section):
    """Cut a number into classes: `names[i]` is for values from `edges[i - 1]` up to `edges[i]`."""

    edges: list[float] = Field(min_length=1)
    """Rising limits; a value equal to a limit belongs to the class above it."""
    names: list[str] = Field(min_length=2)
    """Names of the classes, one more than there are edges."""

    @model_validator(mode="after")
    def _check_edges(self) -> Self:
        if self.edges != sorted(set(self.edges)) or not all(map(math.isfinite, self.edges)):
            raise ValueError(f"edges must be finite and rise; got {self.edges}")
        if len(self.names) != len(self.edges) + 1:
            raise ValueError(f"{len(self.edges)} edges cut {len(self.edges) + 1} classes; {len(self.names)} are named")
        return self


class Runs(Section):
    """Infer groups from the order of the table: long runs of one value, cut into blocks.

    For tables written unit by unit (module, patient, film) that do not name the unit.
    """

    of: str
    """The column whose unbroken runs are cut."""
    length: int = Field(ge=2)
    """Rows a block should have; a run is cut into the nearest whole number of equal blocks."""


class Table(Section):
    """One row an image; a file whose name ends in ``.parquet`` is read as such, any other as text."""

    file: str
    """Path of the table below the source."""
    separator: Literal["comma", "tab", "semicolon", "whitespace"] = "comma"
    """What separates the columns of a text table."""
    comment: str | None = Field(default=None, min_length=1, max_length=1)
    """The character that begins a comment in a text table."""
    columns: list[str] | None = None
    """Column names, for a table whose first line is already a row."""
    path: str
    """The column with the names of the image files."""
    where: str = "{path}"
    """How that name leads to the file, from the table's folder, such as ``images/{path}.jpg``."""
    label: str
    """The column with the labels."""
    map: dict[str | int, str] | None = None
    """Turns the values of the label column into class names; where a cell holds several, each of them."""
    bins: Bins | None = None
    """Turns a numeric label column into classes."""
    slices: list[str] = []
    """Columns to keep, by which `split` can divide or stratify and `evaluate` can slice."""
    group: str | None = None
    """The column of units that must not straddle splits: patient, module, film."""
    runs: Runs | None = None
    """Infers `group` where no column has it."""

    @model_validator(mode="after")
    def _check_keys_together(self) -> Self:
        if taken := sorted(RESERVED & set(self.slices)):
            raise ValueError(f"slices: {taken[0]!r} is a name graft uses itself; rename the column")
        if self.group is not None and self.runs is not None:
            raise ValueError("give either group or runs")
        if self.map is not None and self.bins is not None:
            raise ValueError("give either map or bins")
        if "{path}" not in self.where:
            raise ValueError("where must hold {path}, the place of the path column's value")
        return self


def read_table(table: Table, root: Path, separator: str | None = None) -> pd.DataFrame:
    """Read a table into the columns path (below the source), label, unlabelled, group and the slices.

    Nothing is guessed: where there is no label, `unlabelled` says why, and else is empty. Paths, labels, groups
    and slices are in Unicode's composed form, without white space around them.

    A `separator` stands between labels where an image may bear any number of them; an empty cell says none.

    Raises:
        DataError: the table is absent, is no such table, lacks a column, or has a row without a path.
    """
    raw = read_columns(table, root)
    named = {
        "path": [table.path],
        "label": [table.label],
        "slices": table.slices,
        "group": [table.group] if table.group else [],
        "runs.of": [table.runs.of] if table.runs else [],
    }
    for key, columns in named.items():
        for column in columns:
            if column not in raw.columns:
                hint = f"{nearest(column, raw.columns)}; it has {', '.join(raw.columns)}"
                raise DataError(f"labels.table.{key}: no column {column!r} in {table.file}{hint}")
    raw = raw[sorted({*chain(*named.values())})].map(lambda text: nfc(text.strip()))
    if (unnamed := np.flatnonzero(raw[table.path] == "")).size:
        raise DataError(f"{table.file}: row {unnamed[0] + 1} has nothing in the column {table.path!r}")
    values = raw[table.label]
    if table.bins and len(uncut := values[(values != "") & pd.to_numeric(values, errors="coerce").isna()]):
        row, value = uncut.index[0] + 1, uncut.iloc[0]
        raise DataError(f"{table.file}: row {row} has the label {value!r}, which is no number to cut")
    folder = PurePosixPath(table.file).parent.as_posix()
    rows = pd.DataFrame({"path": [located(folder, table.where, name) for name in raw[table.path]]}, dtype=str)
    labels = {value: _label_of(value, table, separator) for value in values.unique()}
    for number, column in enumerate(("label", "unlabelled")):
        rows[column] = [labels[value][number] for value in values]
    if table.runs:
        rows["group"] = _blocks(raw[table.runs.of], table.runs.length)
    else:
        rows["group"] = raw[table.group] if table.group else ""
    for column in table.slices:
        rows[column] = raw[column]
    return rows


def nfc(text: str) -> str:
    """Return a text in Unicode's composed form: file systems and people write an ä in either of two ways."""
    return unicodedata.normalize("NFC", text)


def located(folder: str, where: str, name: str) -> str:
    """Path below the source, composed, of the image that a table or list in `folder` calls `name`."""
    inner = where.replace("{path}", name.strip().replace("\\", "/"))
    return nfc(posixpath.normpath(posixpath.join(folder, inner)))


def read_columns(table: Table, root: Path) -> pd.DataFrame:
    """Read all columns of the file, as text.

    Raises:
        DataError: the table is absent, or is no such table.
    """
    file = root / table.file
    if not file.is_file():
        raise DataError(f"labels.table.file: {table.file} is not in the source")
    try:
        if file.suffix == ".parquet":
            return _parquet(file)
        return read_text(file, table.separator, table.columns, table.comment)
    except (csv.Error, ValueError) as error:  # pandas' own errors are ValueErrors
        kind = "parquet" if file.suffix == ".parquet" else f"{table.separator}-separated"
        raise DataError(f"{table.file}: not a {kind} table: {error}") from error


def _parquet(file: Path) -> pd.DataFrame:
    try:
        from pyarrow import parquet  # an extra: few tables of labels are parquet
    except ImportError as error:
        raise DataError(f"{file.name}: reading parquet needs pyarrow: {install('parquet')}") from error
    columns = parquet.read_table(file).to_pydict()
    texts = {str(name): ["" if value is None else str(value) for value in values] for name, values in columns.items()}
    return pd.DataFrame(texts, dtype=str)


def _label_of(value: str, table: Table, separator: str | None) -> tuple[str, str]:
    """Label that a cell means, and why it means none."""
    if not value:
        return "", "" if separator else f"has an empty label in {table.file}"
    if table.bins is not None:
        return table.bins.names[bisect_right(table.bins.edges, pd.to_numeric(value))], ""
    if table.map is None:
        return value, ""
    names = {nfc(str(key)): name for key, name in table.map.items()}
    parts = [part.strip() for part in value.split(separator)] if separator else [value]
    for part in parts:
        if part not in names:
            return "", f"has the value {part!r} in {table.file}, which labels.table.map does not name"
    return (separator or "").join(nfc(names[part]) for part in parts), ""


def _blocks(values: pd.Series, length: int) -> list[str]:
    """Name the block of every row: value, a number within the value, such as ``mono-07``."""
    starts = np.flatnonzero(values.ne(values.shift()))
    names: list[str] = []
    counts: Counter[str] = Counter()
    for run in np.split(values.to_numpy(), starts)[1:]:  # before the first there is nothing
        for part in np.array_split(run, max(1, round(len(run) / length))):
            counts[part[0]] += 1
            names += [f"{part[0]}-{counts[part[0]]:02d}"] * len(part)
    return names
