"""A table that labels images: which file, which columns, and what their values mean."""

import codecs
import csv
import math
from bisect import bisect_right
from collections import Counter
from collections.abc import Sequence
from itertools import chain
from pathlib import Path, PurePosixPath
from typing import Literal, Self

import numpy as np
import pandas as pd
from pydantic import Field, model_validator

from graft.core.errors import DataError, install, nearest
from graft.core.params import Section
from graft.labels.lists import templates
from graft.labels.locate import Locator, nfc, places
from graft.labels.text_tables import read_text

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

    file: str | dict[str, str]
    """Path of the table below the source. Several tables are named: ``{train: train.csv, test: test.csv}``; the name
    becomes the value of their images in the column ``list``, by which `split` can divide."""
    separator: Literal["comma", "tab", "semicolon", "whitespace"] = "comma"
    """What separates the columns of a text table."""
    encoding: str = "utf-8"
    """Of a text table, such as ``cp1252``, which Western Windows writes; a byte order mark goes before it."""
    comment: str | None = Field(default=None, min_length=1, max_length=1)
    """The character that begins a comment in a text table."""
    columns: list[str] | None = None
    """Column names, for a table whose first line is already a row."""
    path: str
    """The column with the names of the image files."""
    where: str | list[str] = "{path}"
    """How that name leads to the file, from the table's folder, such as ``images/{path}.jpg``; of several, the first
    that leads to one. ``{list}`` is the name of the table, where there are several. Suffix and case may differ where
    one image alone is meant, and leading folders that lead nowhere are dropped, such as ``C:\\Users\\anna``."""
    label: str | None = None
    """The column with the labels."""
    strip: str | None = Field(default=None, min_length=1)
    """Characters that are dropped around each cell and label of this column, such as ``[]'`` of ``['a', 'b']``."""
    one_hot: list[str] = []
    """Instead of `label`: columns called after the classes that hold 1 where a class applies, else 0. Without
    `label_separator`, a row labels its image if exactly one of them holds 1."""
    map: dict[str | int, str] | None = None
    """Turns the values of the label column, or the names in `one_hot`, into class names; where an image has several,
    each of them."""
    bins: Bins | None = None
    """Turns a numeric label column into classes."""
    slices: list[str] = []
    """Columns to keep, by which `split` can divide or stratify and `evaluate` can slice."""
    group: str | None = None
    """The column of units that must not straddle splits: patient, module, film."""
    runs: Runs | None = None
    """Infers `group` where no column has it."""
    list_column: str | None = None
    """The column that says in which official split an image is; it becomes the column ``list``, by which `split` can
    divide. Where it is empty, the name of the table holds."""
    list_map: dict[str, str] = {}
    """Turns values of that column into names of splits, such as ``{'True': valid, 'False': train}``."""

    @property
    def files(self) -> dict[str, str]:
        """The tables by name; of one alone the name is empty."""
        return {"": self.file} if isinstance(self.file, str) else self.file

    @model_validator(mode="after")
    def _check_keys_together(self) -> Self:
        if taken := sorted(RESERVED & set(self.slices)):
            raise ValueError(f"slices: {taken[0]!r} is a name graft uses itself; rename the column")
        if (self.label is None) != bool(self.one_hot):
            raise ValueError("give either label or one_hot")
        if self.group is not None and self.runs is not None:
            raise ValueError("give either group or runs")
        if self.runs is not None and len(self.files) > 1:
            raise ValueError("runs are of one table; give one file")
        if self.bins is not None and (self.map is not None or self.one_hot):
            raise ValueError("bins cut the numbers of label, without map and one_hot")
        if not self.files:
            raise ValueError("file names no table")
        if not all("{path}" in template for template in templates(self.where)):
            raise ValueError("where must hold {path}, the place of the path column's value")
        try:
            codecs.lookup(self.encoding)
        except LookupError as error:
            raise ValueError(f"encoding: {self.encoding!r} is none that Python knows") from error
        return self


def read_table(table: Table, root: Path, images: Locator, separator: str | None = None) -> pd.DataFrame:
    """Read a table into the columns path (below the source), label, unlabelled, group, the slices, and perhaps list.

    Nothing is guessed: where there is no label, `unlabelled` says why, and else is empty. Labels, groups and slices
    are in Unicode's composed form, without white space around them. Where no image lies, path is the first place
    that was looked at.

    A `separator` stands between labels where an image may bear any number of them; an empty cell says none.

    Raises:
        DataError: the table is absent, is no such table, lacks a column, has a row without a path, or no row leads
            to an image.
    """
    raws = {name: read_columns(table, root, name) for name in table.files}
    present = list(dict.fromkeys(chain.from_iterable(raw.columns for raw in raws.values())))
    for name, raw in raws.items():
        _check_columns(table, name, list(raw.columns), present)
    parts = [_read_file(table, name, raw, images, separator) for name, raw in raws.items()]
    rows = pd.concat(parts, ignore_index=True)
    found = rows.pop("found")
    if len(found) and not found.any():
        name, raw = next((name, raw) for name, raw in raws.items() if len(raw))
        value, folder = raw[table.path].iloc[0], PurePosixPath(table.files[name]).parent.as_posix()
        looked = ", ".join(map(repr, places(value, folder, _where(table, name))))
        raise DataError(
            f"{table.files[name]}: no row leads to a picture: {value!r} of row 1 was looked for at {looked}; "
            f"a picture is called {next(iter(images.paths), 'nothing')!r}; mend labels.table.where"
        )
    return rows


def _check_columns(table: Table, name: str, own: list[str], present: list[str]) -> None:
    """Check that a file has the columns it needs, and one of the files those that some may lack."""
    needed: dict[str, list[str | None]] = {"path": [table.path], "label": [table.label], "one_hot": [*table.one_hot]}
    in_one: dict[str, list[str | None]] = {
        "slices": [*table.slices],
        "group": [table.group],
        "list_column": [table.list_column],
    }
    in_one["runs.of"] = [table.runs.of if table.runs else None]
    for keys, columns_of in ((needed, own), (in_one, present)):
        for key, columns in keys.items():
            for column in columns:
                if column is not None and column not in columns_of:
                    hint = f"{nearest(column, columns_of)}; it has {', '.join(columns_of)}"
                    raise DataError(f"labels.table.{key}: no column {column!r} in {table.files[name]}{hint}")


def _read_file(table: Table, name: str, raw: pd.DataFrame, images: Locator, separator: str | None) -> pd.DataFrame:
    """Read one of the tables; the column found says whether a row leads to an image."""
    file = table.files[name]
    used = {table.path, table.label, *table.one_hot, *table.slices, table.group, table.list_column}
    used.add(table.runs.of if table.runs else None)
    raw = raw[[column for column in raw.columns if column in used]].map(lambda text: nfc(text.strip()))
    empty = pd.Series("", index=raw.index, dtype=str)
    if (unnamed := np.flatnonzero(raw[table.path] == "")).size:
        raise DataError(f"{file}: row {unnamed[0] + 1} has nothing in the column {table.path!r}")
    folder, where = PurePosixPath(file).parent.as_posix(), _where(table, name)
    found = images.find(raw[table.path], folder, where)
    paths = [path or places(value, folder, where)[0] for path, value in zip(found, raw[table.path], strict=True)]
    rows = pd.DataFrame({"path": paths, "found": [path is not None for path in found]})
    told = _one_hot(table, file, raw, separator) if table.label is None else _labels(table, file, raw, separator)
    for column, values in zip(("label", "unlabelled"), zip(*told, strict=True) if told else ((), ()), strict=True):
        rows[column] = pd.Series(values, dtype=str)
    rows["group"] = _blocks(raw[table.runs.of], table.runs.length) if table.runs else raw.get(table.group, empty)
    for column in table.slices:
        rows[column] = raw.get(column, empty)
    if name or table.list_column:
        rows["list"] = [table.list_map.get(value, value) or name for value in raw.get(table.list_column, empty)]
    return rows


def _where(table: Table, name: str) -> list[str]:
    return [template.replace("{list}", name) for template in templates(table.where)]


def read_columns(table: Table, root: Path, name: str = "") -> pd.DataFrame:
    """Read all columns of one of the table's files, as text.

    Raises:
        DataError: it is absent, or is no such table.
    """
    file = root / table.files[name]
    if not file.is_file():
        raise DataError(f"labels.table.file: {table.files[name]} is not in the source")
    try:
        if file.suffix == ".parquet":
            return _parquet(file)
        return read_text(file, table.separator, table.columns, table.comment, table.encoding)
    except (csv.Error, ValueError) as error:  # pandas' own errors are ValueErrors
        kind = "parquet" if file.suffix == ".parquet" else f"{table.separator}-separated"
        known = "; or say labels.table.encoding, such as cp1252, which Western Windows writes"
        advice = known if isinstance(error.__cause__, UnicodeDecodeError) else ""
        raise DataError(f"{table.files[name]}: not a {kind} table: {error}{advice}") from error


def _parquet(file: Path) -> pd.DataFrame:
    try:
        from pyarrow import parquet  # an extra: few tables of labels are parquet
    except ImportError as error:
        raise DataError(f"{file.name}: reading parquet needs pyarrow: {install('parquet')}") from error
    columns = parquet.read_table(file).to_pydict()
    texts = {str(name): ["" if value is None else str(value) for value in values] for name, values in columns.items()}
    return pd.DataFrame(texts, dtype=str)


def _labels(table: Table, file: str, raw: pd.DataFrame, separator: str | None) -> list[tuple[str, str]]:
    """Label that each row means, and why it means none."""
    values = raw[str(table.label)]
    if table.bins and len(uncut := values[(values != "") & pd.to_numeric(values, errors="coerce").isna()]):
        row, value = uncut.index[0] + 1, uncut.iloc[0]
        raise DataError(f"{file}: row {row} has the label {value!r}, which is no number to cut")
    told = {value: _label_of(value, table, file, separator) for value in values.unique()}
    return [told[value] for value in values]


def _label_of(value: str, table: Table, file: str, separator: str | None) -> tuple[str, str]:
    around = f"{table.strip or ''} "
    parts = [part.strip(around) for part in (value.strip(around).split(separator) if separator else [value])]
    if not any(parts):
        return "", "" if separator else f"has an empty label in {file}"
    if table.bins is not None:
        return table.bins.names[bisect_right(table.bins.edges, pd.to_numeric(value))], ""
    return _named(parts, table, file, separator)


HOLDS = {**dict.fromkeys(("1", "1.0", "true", "yes"), True), **dict.fromkeys(("0", "0.0", "false", "no"), False)}
HOLDS |= dict.fromkeys(("-1", "-1.0", ""), False)
"""Whether a class applies, by the cell of its one-hot column in lower case."""


def _one_hot(table: Table, file: str, raw: pd.DataFrame, separator: str | None) -> list[tuple[str, str]]:
    """Label that each row's ones mean, and why they mean none."""
    told = []
    for number, cells in enumerate(raw[table.one_hot].to_numpy().tolist(), 1):
        for column, cell in zip(table.one_hot, cells, strict=True):
            if cell.lower() not in HOLDS:
                said = f"row {number} has {cell!r} in the column {column!r} of labels.table.one_hot"
                raise DataError(f"{file}: {said}, which is neither 1 nor 0")
        names = [column for column, cell in zip(table.one_hot, cells, strict=True) if HOLDS[cell.lower()]]
        if separator is None and len(names) != 1:
            which = " and ".join(map(repr, names))
            told.append(("", f"has 1 in {f'the columns {which}' if names else 'no column of one_hot'} in {file}"))
        else:
            told.append(_named(names, table, file, separator))
    return told


def _named(parts: Sequence[str], table: Table, file: str, separator: str | None) -> tuple[str, str]:
    """Class that one value or several mean, and why they mean none."""
    if table.map is not None:
        names = {nfc(str(key)): nfc(name) for key, name in table.map.items()}
        for part in parts:
            if part not in names:
                return "", f"has the value {part!r} in {file}, which labels.table.map does not name"
        parts = [names[part] for part in parts]
    return (separator or "").join(parts), ""


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
