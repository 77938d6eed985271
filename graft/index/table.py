"""A table that names pictures: which file, which columns, and what their values mean."""

import math
import posixpath
from pathlib import Path, PurePosixPath
from typing import Literal, Self

import numpy as np
import pandas as pd
from pydantic import Field, model_validator

from graft.errors import DataError, install, nearest
from graft.params import Section

SEPARATORS = {"comma": ",", "tab": "\t", "semicolon": ";", "whitespace": r"\s+"}

RESERVED = {"path", "label", "labels", "group", "split", "list"}
"""Columns of labels.csv and split.csv that graft writes itself."""


class Bins(Section):
    """Cut a number into classes: `names[i]` is for values from `edges[i - 1]` up to `edges[i]`."""

    edges: list[float] = Field(min_length=1)
    """Rising limits; a value equal to a limit belongs to the class above it."""
    names: list[str] = Field(min_length=2)
    """One more than there are edges."""

    @model_validator(mode="after")
    def _fits(self) -> Self:
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
    """One row a picture; a file whose name ends in ``.parquet`` is read as such, any other as text."""

    file: str
    """Path below the source."""
    separator: Literal["comma", "tab", "semicolon", "whitespace"] = "comma"
    """Between the columns of a text table."""
    comment: str | None = Field(default=None, min_length=1, max_length=1)
    """The character that begins a comment in a text table."""
    columns: list[str] | None = None
    """Column names, for a table whose first line is already a row."""
    path: str
    """The column that names pictures."""
    where: str = "{path}"
    """How that name leads to the file, from the table's folder, such as ``images/{path}.jpg``."""
    label: str
    """The column that holds labels."""
    map: dict[str | int, str] | None = None
    """Turns the values of the label column into class names."""
    bins: Bins | None = None
    """Turns a numeric label column into classes."""
    slices: list[str] = []
    """Columns to keep, by which `split` can divide or stratify and `evaluate` can slice."""
    group: str | None = None
    """The column of units that must not straddle splits: patient, module, film."""
    runs: Runs | None = None
    """Infers `group` where no column has it."""

    @model_validator(mode="after")
    def _sound(self) -> Self:
        if taken := sorted(RESERVED & set(self.slices)):
            raise ValueError(f"slices: {taken[0]!r} is a name graft uses itself; rename the column")
        if self.group is not None and self.runs is not None:
            raise ValueError("give either group or runs")
        if self.map is not None and self.bins is not None:
            raise ValueError("give either map or bins")
        if "{path}" not in self.where:
            raise ValueError("where must hold {path}, the place of the path column's value")
        return self


def read_table(table: Table, root: Path) -> pd.DataFrame:
    """Read a table into the columns path (below the source), label, why, group and the slices.

    Nothing is guessed: where the label is empty, `why` says why, and else is empty.

    Raises:
        DataError: the table is absent, is no such table, or lacks a column.
    """
    raw = read_columns(table, root)
    for key, column in _asked(table):
        if column not in raw.columns:
            hint = nearest(column, raw.columns)
            raise DataError(f"{key}: no column {column!r} in {table.file}{hint}; it has {', '.join(raw.columns)}")
    folder = PurePosixPath(table.file).parent.as_posix()
    told = pd.DataFrame({"path": [located(folder, table.where, name) for name in raw[table.path]]}, dtype=str)
    values = raw[table.label].str.strip()
    told["label"] = _classes(values, table)
    unnamed = f"has the value {{}} in {table.file}, which labels.table.map does not name"
    told["why"] = [
        "" if label else unnamed.format(repr(value)) if value else f"has an empty label in {table.file}"
        for label, value in zip(told["label"], values, strict=True)
    ]
    if table.runs:
        told["group"] = _blocks(raw[table.runs.of], table.runs.length)
    else:
        told["group"] = raw[table.group] if table.group else ""
    for column in table.slices:
        told[column] = raw[column]
    return told


def located(folder: str, where: str, name: str) -> str:
    """Path below the source of the picture that a table or list in `folder` calls `name`."""
    return posixpath.normpath(posixpath.join(folder, where.replace("{path}", name.strip().replace("\\", "/"))))


def read_columns(table: Table, root: Path) -> pd.DataFrame:
    """Read all columns of the file, as text.

    Raises:
        DataError: the table is absent, or is no such table.
    """
    file = root / table.file
    if not file.is_file():
        raise DataError(f"labels.table.file: {table.file} is not in the source")
    try:
        raw = _parquet(file) if file.suffix == ".parquet" else _text(file, table)
    except (pd.errors.ParserError, UnicodeDecodeError, ValueError) as error:
        kind = "parquet" if file.suffix == ".parquet" else f"{table.separator}-separated"
        raise DataError(f"{table.file}: not a {kind} table: {error}") from error
    return raw


def _text(file: Path, table: Table) -> pd.DataFrame:
    return pd.read_csv(
        file,
        sep=SEPARATORS[table.separator],
        names=table.columns,
        header=None if table.columns else 0,
        index_col=False,
        dtype=str,
        keep_default_na=False,
        comment=table.comment,
        encoding="utf-8-sig",  # spreadsheets put a mark before the first column's name
    )


def _parquet(file: Path) -> pd.DataFrame:
    try:
        from pyarrow import parquet  # an extra: few tables of labels are parquet
    except ImportError as error:
        raise DataError(f"{file.name}: reading parquet needs pyarrow: {install('parquet')}") from error
    columns = parquet.read_table(file).to_pydict()
    texts = {str(name): ["" if value is None else str(value) for value in values] for name, values in columns.items()}
    return pd.DataFrame(texts, dtype=str)


def _asked(table: Table) -> list[tuple[str, str]]:
    """Each column a table is asked for, with the key that asks."""
    asked = [("labels.table.path", table.path), ("labels.table.label", table.label)]
    asked += [("labels.table.slices", column) for column in table.slices]
    if table.group:
        asked.append(("labels.table.group", table.group))
    if table.runs:
        asked.append(("labels.table.runs.of", table.runs.of))
    return asked


def _classes(values: pd.Series, table: Table) -> pd.Series:
    if table.map is not None:
        names = {str(value): name for value, name in table.map.items()}
        return values.map(lambda value: names.get(value, ""))
    if table.bins is None:
        return values
    numbers = pd.to_numeric(values, errors="coerce")
    if numbers.isna().any():
        row = int(np.flatnonzero(numbers.isna())[0])
        raise DataError(f"{table.file}: row {row + 1} has the label {values.iloc[row]!r}, which is no number to cut")
    return pd.Series(np.asarray(table.bins.names)[np.digitize(numbers, table.bins.edges)], index=values.index)


def _blocks(values: pd.Series, length: int) -> list[str]:
    """Name the block of every row: value, a number within the value, such as ``mono-07``."""
    starts = np.flatnonzero(values.ne(values.shift()))
    ends = np.append(starts[1:], len(values))
    names: list[str] = []
    counts: dict[str, int] = {}
    for start, end in zip(starts, ends, strict=True):
        value = str(values.iloc[start])
        blocks = max(1, round((end - start) / length))
        for part in np.array_split(np.arange(start, end), blocks):
            counts[value] = counts.get(value, 0) + 1
            names += [f"{value}-{counts[value]:02d}"] * len(part)
    return names
