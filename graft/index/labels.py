"""The label rule: how a picture's label follows from its folder, its name, or a table."""

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Literal, Self

import numpy as np
import pandas as pd
from pydantic import Field, model_validator

from graft.errors import DataError, nearest
from graft.params import Section

SEPARATORS = {"comma": ",", "tab": "\t", "semicolon": ";", "whitespace": r"\s+"}


class Bins(Section):
    """Cut a number into classes: `names[i]` is for values from `edges[i - 1]` up to `edges[i]`."""

    edges: list[float] = Field(min_length=1)
    """Rising limits; a value equal to a limit belongs to the class above it."""
    names: list[str] = Field(min_length=2)
    """One more than there are edges."""

    @model_validator(mode="after")
    def _fits(self) -> Self:
        if self.edges != sorted(set(self.edges)) or not all(map(math.isfinite, self.edges)):
            raise ValueError("edges must be finite and rise")
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
    """A text table with one row a picture."""

    file: str
    """Path below the source."""
    separator: Literal["comma", "tab", "semicolon", "whitespace"] = "comma"
    columns: list[str] | None = None
    """Column names, for a table whose first line is already a row."""
    path: str
    """The column that holds paths, relative to the table's folder."""
    label: str
    """The column that holds labels."""
    bins: Bins | None = None
    """Turns a numeric label column into classes."""
    slices: list[str] = []
    """Columns to keep, by which `split` can stratify and `evaluate` can slice."""
    group: str | None = None
    """The column of units that must not straddle splits: patient, module, film."""
    runs: Runs | None = None
    """Infers `group` where no column has it."""

    @model_validator(mode="after")
    def _slices_have_names_of_their_own(self) -> Self:
        if taken := sorted({"path", "label", "group", "split"} & set(self.slices)):
            raise ValueError(f"slices: {taken[0]!r} is a name graft uses itself; rename the column")
        return self

    @model_validator(mode="after")
    def _one_kind_of_group(self) -> Self:
        if self.group is not None and self.runs is not None:
            raise ValueError("give either group or runs")
        return self


class Labels(Section):
    """How a picture gets its label."""

    rule: Literal["folder", "regex", "table"]
    """``folder``: the name of the folder it lies in; ``regex``: a part of its path; ``table``."""
    pattern: str | None = None
    """For ``regex``: searched in the path; the named group ``label`` is the label."""
    table: Table | None = None
    """For ``table``."""

    @model_validator(mode="after")
    def _complete(self) -> Self:
        if self.rule == "table" and self.table is None:
            raise ValueError("the rule 'table' needs the key 'table'")
        if self.rule == "regex":
            if self.pattern is None:
                raise ValueError("the rule 'regex' needs the key 'pattern'")
            try:
                groups = re.compile(self.pattern).groupindex
            except re.error as error:
                raise ValueError(f"pattern is no regular expression: {error}") from error
            if "label" not in groups:
                raise ValueError("pattern needs a named group: (?P<label>...)")
        return self


@dataclass(frozen=True, slots=True)
class Labelled:
    """What the label rule says of the pictures it was asked about.

    `rows` has the columns path, label, group (empty where there is none) and the slices, sorted
    by path. `unlabelled` has path and reason. `orphans` are table rows whose picture is absent.
    """

    rows: pd.DataFrame
    unlabelled: pd.DataFrame
    orphans: list[str]


def apply_rule(labels: Labels, root: Path, paths: Sequence[str]) -> Labelled:
    """Label pictures, never by guessing: what the rule does not cover is returned as unlabelled.

    Raises:
        DataError: the table is absent, malformed, lacks a column, or names a picture twice; or
            the rule labels no picture at all, or gives all the same label.
    """
    orphans: list[str] = []
    if labels.rule == "folder":
        told, reason = _by_folder(paths), "lies at the top of the source, in no class folder"
    elif labels.rule == "regex":
        assert labels.pattern is not None
        told, reason = _by_regex(labels.pattern, paths), f"does not match the pattern {labels.pattern}"
    else:
        assert labels.table is not None
        table = _by_table(labels.table, root)
        table = table[table["label"] != ""]
        orphans = sorted(set(table["path"]) - set(paths))
        told, reason = table[table["path"].isin(set(paths))], f"has no row with a label in {labels.table.file}"
    rows = told.sort_values("path", ignore_index=True)
    missing = sorted(set(paths) - set(rows["path"]))
    unlabelled = pd.DataFrame({"path": missing, "reason": [reason] * len(missing)}, dtype=str)
    classes = sorted(rows["label"].unique())
    if len(classes) < 2:
        example = f"; {missing[0]!r} {reason}" if missing else ""
        raise DataError(
            f"labels.rule {labels.rule!r} finds {len(classes)} classes {classes} in {len(paths)} pictures, "
            f"of which it labels {len(rows)}; at least two classes are needed{example}"
        )
    return Labelled(rows, unlabelled, orphans)


def _by_folder(paths: Sequence[str]) -> pd.DataFrame:
    pairs = [(path, PurePosixPath(path).parent.name) for path in paths]
    return _frame([(path, label) for path, label in pairs if label])


def _by_regex(pattern: str, paths: Sequence[str]) -> pd.DataFrame:
    search = re.compile(pattern).search
    return _frame([(path, found["label"]) for path in paths if (found := search(path)) and found["label"]])


def _frame(pairs: list[tuple[str, str]]) -> pd.DataFrame:
    frame = pd.DataFrame(pairs, columns=["path", "label"], dtype=str)
    return frame.assign(group="")


def _by_table(table: Table, root: Path) -> pd.DataFrame:
    """Read the table into the columns path, label, group and the slices."""
    file = root / table.file
    if not file.is_file():
        raise DataError(f"labels.table.file: {table.file} is not in the source")
    try:
        raw = pd.read_csv(
            file,
            sep=SEPARATORS[table.separator],
            names=table.columns,
            header=None if table.columns else 0,
            index_col=False,
            dtype=str,
            keep_default_na=False,
        )
    except (pd.errors.ParserError, UnicodeDecodeError, ValueError) as error:
        raise DataError(f"{table.file}: not a {table.separator}-separated table: {error}") from error
    for key, column in _columns_used(table):
        if column not in raw.columns:
            hint = nearest(column, raw.columns)
            raise DataError(f"{key}: no column {column!r} in {table.file}{hint}; it has {', '.join(raw.columns)}")
    folder = PurePosixPath(table.file).parent
    told = pd.DataFrame({"path": [(folder / path).as_posix() for path in raw[table.path]]})
    told["label"] = _cut(raw[table.label], table.bins, table.file) if table.bins else raw[table.label]
    if table.runs:
        told["group"] = _blocks(raw[table.runs.of], table.runs.length)
    else:
        told["group"] = raw[table.group] if table.group else ""
    for column in table.slices:
        told[column] = raw[column]
    twice = told["path"][told["path"].duplicated()]
    if len(twice):
        raise DataError(f"{table.file}: {twice.iloc[0]!r} has more than one row ({len(twice)} such rows)")
    return told


def _columns_used(table: Table) -> list[tuple[str, str]]:
    """Each column a table is asked for, with the key that asks."""
    asked = [("labels.table.path", table.path), ("labels.table.label", table.label)]
    asked += [("labels.table.slices", column) for column in table.slices]
    if table.group:
        asked.append(("labels.table.group", table.group))
    if table.runs:
        asked.append(("labels.table.runs.of", table.runs.of))
    return asked


def _cut(values: pd.Series, bins: Bins, file: str) -> pd.Series:
    numbers = pd.to_numeric(values, errors="coerce")
    if numbers.isna().any():
        row = int(np.flatnonzero(numbers.isna())[0])
        raise DataError(f"{file}: row {row + 1} has the label {values.iloc[row]!r}, which is no number to cut")
    return pd.Series(np.asarray(bins.names)[np.digitize(numbers, bins.edges)], index=values.index)


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
