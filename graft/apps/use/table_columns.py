"""Detect, for a person to confirm, what the columns of a table hold: labels, groups, splits."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import pandas as pd

from graft.apps.use.column_names import IDS, OTHERS, SPLITS, column_words, group_rank, is_id, label_rank, says
from graft.core.errors import DataError
from graft.data.dataset import SPLIT_ALIASES
from graft.data.folders import words
from graft.labels.tables import HOLDS

MOST_SPLITS = 20  # values of a column that names splits, in several spellings
LIST_MARKS = ("|", ";", ",", " ")  # between labels in a cell


@dataclass(frozen=True, slots=True)
class Columns:
    """Keys of ``labels.table`` that name columns, what stands between labels, and what a person should read.

    `by_name` says that a name, or ones and noughts, tell the label, and not only its values.
    """

    table: dict[str, Any]
    separator: str | None
    by_name: bool
    notes: list[str] = field(default_factory=list)


def detect_columns(columns: pd.DataFrame, path: str, header: bool = True) -> Columns:
    """Detect what the columns beside that of paths hold, from rows that lead to images.

    Raises:
        DataError: none looks like a label.
    """
    rest = [column for column in columns.columns if column not in (path, "") and columns[column].any()]
    notes: list[str] = []
    table, by_list = _split_column(columns, rest, notes)
    rest = [column for column in rest if column not in by_list]
    named = sorted((rank, column) for column in rest if (rank := label_rank(column)) and columns[column].nunique() > 1)
    flags = [column for column in rest if _is_flag(column, columns[column])] if header else []
    best = _text_twin(named[0][1], columns, rest) if named else None
    ones = columns[flags].map(lambda value: HOLDS[value.lower()]).sum(axis=1) if flags else pd.Series(dtype=int)
    single = len(ones) > 0 and ones.max() <= 1 and (ones == 1).mean() > 0.5
    if sum(columns[flag].nunique() > 1 for flag in flags) > 1 and (
        best is None or (best in flags and (single or named[0][0][0] > 0))
    ):
        table["one_hot"] = flags
        separator = None if single else "|"
        labels = flags
        if {"-1", "0"} <= {value.removesuffix(".0") for flag in flags for value in columns[flag].unique()}:
            notes.append("warning: its columns hold -1 beside 0 and 1; -1, uncertain perhaps, is read as 0")
    else:
        best = best or _by_shape(columns, rest, header, notes)
        if best is None:
            raise DataError(f"beside {path}, no column looks like a label{_listed(columns, path)}")
        table["label"], labels = best, [best]
        separator, strip = label_list(columns[best].unique().tolist())
        table |= {"strip": strip} if strip else {}
    others = [column for _, column in named if column not in labels]
    notes += [f"the column {column} may be meant as the label, too" for column in others[:3] if "label" in table]
    group = _group_column(columns, [column for column in rest if column not in labels], labels, notes)
    table |= {"group": group} if group else {}
    return Columns(table, separator, bool(named) or "one_hot" in table, notes)


def _listed(columns: pd.DataFrame, path: str) -> str:
    names = [column for column in columns.columns if column not in (path, "")]
    return f": its columns are {', '.join(names[:8])}; if one is, name it in labels.table.label" if names else ""


def label_list(values: Sequence[str]) -> tuple[str | None, str | None]:
    """The text between several labels in a cell, and characters around them; None for what there is not.

    A cell is a list where cells hold different numbers of names, and the names are fewer than the cells that
    differ, or mostly stand alone as well.
    """
    cells = [value.strip() for value in values if value.strip()]
    strip = None
    if cells and all(re.fullmatch(r"\[.*\]|\{.*\}|\(.*\)", cell, re.DOTALL) for cell in cells):
        strip = "[]{}()'\""
        cells = [cell.strip(strip + " ") for cell in cells]
    distinct = {cell for cell in cells if cell}
    for mark in LIST_MARKS:
        parts_of = ((part.strip((strip or "") + " ") for part in cell.split(mark)) for cell in distinct)
        lists = [[part for part in parts if part] for parts in parts_of]
        names = {name for parts in lists for name in parts}
        counts = {len(parts) for parts in lists}
        alone = {parts[0] for parts in lists if len(parts) == 1}
        if len(counts) < 2 or any(len({*parts}) < len(parts) for parts in lists):
            continue
        fewer = len(names) < len(distinct) if mark == " " else len(names) <= len(distinct)
        if (fewer and 2 * len(alone & names) >= len(names)) or 2 * len(names) <= len(distinct) or strip:
            return mark, strip
    return None, strip


def _split_column(columns: pd.DataFrame, rest: Sequence[str], notes: list[str]) -> tuple[dict[str, Any], list[str]]:
    """Keys that name the column of the official split, and all columns that look like one."""
    keys: dict[str, Any] = {}
    seen = []
    for column in rest:
        values = [value for value in columns[column].unique() if value]
        if len(values) > MOST_SPLITS:
            continue
        said = {*SPLITS.split()}.intersection(column_words(column))
        split_of = {value: _split_named(value, said) for value in values}
        splits = {*split_of.values()}
        if None not in splits and len(splits) > 1 and "train" in splits and (said or not label_rank(column)):
            seen.append(column)
            if not keys:
                mapped = {value: name for value, name in split_of.items() if SPLIT_ALIASES.get(value.lower()) != name}
                keys = {"list_column": column} | ({"list_map": mapped} if mapped else {})
            else:
                notes.append(f"the column {column} may name a split, too; {keys['list_column']} is used")
        elif said and not label_rank(column) and len(values) > 1:
            seen.append(column)
            notes.append(f"the column {column} has the values {', '.join(values[:4])}, which name no splits: not used")
    return keys, seen


def _split_named(value: str, column: set[str]) -> str | None:
    """The split that a value names, of itself or as the answer to a column such as ``is_valid``."""
    if value.lower() in SPLIT_ALIASES:
        return SPLIT_ALIASES[value.lower()]
    asked = {SPLIT_ALIASES[word] for word in column if word in SPLIT_ALIASES}
    if len(asked) == 1 and value.lower() in HOLDS:
        (split,) = asked
        return split if HOLDS[value.lower()] else "test" if split == "train" else "train"
    inside = {SPLIT_ALIASES[word] for word in words(value) if word in SPLIT_ALIASES}
    return inside.pop() if column and len(inside) == 1 else None


def _is_flag(column: str, values: pd.Series) -> bool:
    """Whether a column says of a class, and not of everything, that it applies or does not."""
    found = {value.lower() for value in values.unique()}
    return not says(column, OTHERS) and found <= HOLDS.keys() and not all(HOLDS[value] for value in found)


def _text_twin(label: str, columns: pd.DataFrame, rest: Sequence[str]) -> str:
    """The column that says in words what a label says in numbers, or the label itself."""
    numbers = columns[label]
    if not all(value.isdigit() for value in numbers.unique() if value):
        return label
    for column in rest:
        worded = not any(map(_is_number, columns[column].unique().tolist()))
        if worded and not says(column, OTHERS) and same_parts(numbers, columns[column]):
            return column
    return label


def _is_number(value: str) -> bool:
    return value.replace(".", "").isdigit()


def same_parts(one: pd.Series, other: pd.Series) -> bool:
    """Whether equal values in one column are equal in the other, and the other way round."""
    return one.nunique() == other.nunique() == len({*zip(one, other, strict=True)})


def _by_shape(columns: pd.DataFrame, rest: Sequence[str], header: bool, notes: list[str]) -> str | None:
    """A column of few values, whatever its name: one of words before one of numbers, else the first."""

    def likely(column: str, groups: bool) -> bool:
        fits = 2 <= columns[column].nunique() <= max(2, len(columns) / 3)
        return fits and not says(column, OTHERS) and groups == (group_rank(column) is not None or is_id(column))

    few = [column for column in rest if likely(column, False)] or [column for column in rest if likely(column, True)]
    if header:
        numbers = {column: all(map(_is_number, columns[column].unique().tolist())) for column in few}
        few.sort(key=numbers.__getitem__)
    if few:
        others = f"; {', '.join(few[1:4])} may be, too" if len(few) > 1 else ""
        notes.append(f"no column is called after a label, so {few[0]} is taken for it by its values{others}")
    return few[0] if few else None


def _group_column(columns: pd.DataFrame, rest: Sequence[str], labels: Sequence[str], notes: list[str]) -> str | None:
    """A column of units that repeat: by its name, else an identifier that is not the label's."""
    label = pd.Series(map("|".join, columns[[*labels]].to_numpy().tolist()), dtype=str)

    def repeats(column: str) -> bool:
        distinct = columns[column].nunique()
        return 2 <= distinct < len(columns) and not same_parts(label, columns[column])

    by_name = sorted((rank, column) for column in rest if (rank := group_rank(column)) is not None and repeats(column))
    few = label.nunique()
    by_id = [column for column in rest if is_id(column) and repeats(column) and columns[column].nunique() > few]
    found = [*(column for _, column in by_name), *(column for column in by_id if label_rank(column) is None)]
    for column in found:
        if (distinct := columns[column].nunique()) >= 3:
            return column
        notes.append(f"the column {column} has only {distinct} values, too few to divide by: each is in every split")
    for column in rest:
        if says(column, IDS) and column not in found and repeats(column) and columns[column].nunique() > few:
            said = f"the column {column} repeats {columns[column].nunique()} values: if their pictures belong together"
            notes.append(f"warning: {said}, set labels.table.group: {column} and split.by: group")
    return None
