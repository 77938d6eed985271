"""Detect how one file labels images: how it is written, which column names them, and what the others hold."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

import pandas as pd

from graft.apps.use.column_names import PATHS, says
from graft.apps.use.table_columns import detect_columns
from graft.apps.use.table_places import Places
from graft.apps.use.table_shape import detect_shape
from graft.core.errors import DataError
from graft.labels.tables import Table, read_columns

SAMPLE = 500  # rows by which the column of file names is chosen
SHAPE = ("encoding", "separator", "comment", "columns")  # keys that say how a file is written


@dataclass(frozen=True, slots=True)
class TableFile:
    """One table, or several joined: its keys of ``labels.table`` but file and where, and what labels stand between.

    `images` is how many it names. `by_name` says that a name, or ones and noughts, tell the label, and not only its
    values.
    """

    files: dict[str, str]
    table: dict[str, Any]
    where: list[str]
    images: int
    separator: str | None
    by_name: bool
    notes: list[str]

    @property
    def name(self) -> str:
        """What to call it."""
        return " and ".join(self.files.values())

    def keys(self) -> dict[str, Any]:
        """The section ``labels.table``."""
        file = self.files if len(self.files) > 1 else next(iter(self.files.values()))
        where: dict[str, Any] = {"where": self.where[0] if len(self.where) == 1 else self.where}
        return {"file": file} | self.table | (where if self.where != ["{path}"] else {})


def detect_table(root: Path, name: str, places: Places) -> TableFile:
    """Detect how a file labels images.

    Raises:
        DataError: it cannot be read, no column names images, or none looks like a label.
    """
    if says(name, "submission"):
        raise DataError("shows the form of a submission, and labels nothing")
    try:
        shape, notes = ({}, []) if name.endswith(".parquet") else detect_shape(root / name, places)
    except (OSError, ValueError) as error:
        raise DataError(f"cannot be read as a table: {error}") from error
    columns = _read(root, name, shape)
    sample = columns.iloc[:: max(1, len(columns) // SAMPLE)]
    named = {str(column): places.named(sample[column].tolist()) for column in columns.columns}
    path = max(named, key=lambda column: (named[column], says(column, PATHS)))
    found, where = _locate(columns[path].tolist(), name, places, path, notes)
    inside = columns[[image is not None for image in found]].reset_index(drop=True)
    rest = detect_columns(inside, path, "columns" not in shape)
    images = pd.Series([image for image in found if image is not None])
    separator = rest.separator
    if separator is None and "label" in rest.table and _disagree(images, inside[rest.table["label"]]):
        separator = "|"
        notes.append("pictures have several rows with different labels, which are read as several labels a picture")
    table = shape | {"path": path} | rest.table
    return TableFile({"": name}, table, where, images.nunique(), separator, rest.by_name, notes + rest.notes)


def detect_like(root: Path, name: str, places: Places, other: TableFile) -> TableFile:
    """Detect where the images of a file lie whose columns are those of another.

    Raises:
        DataError: it cannot be read so, lacks columns, or names no images.
    """
    columns = _read(root, name, {key: other.table[key] for key in SHAPE if key in other.table})
    path, labels = other.table["path"], other.table.get("one_hot", [other.table.get("label")])
    if lacking := {path, *labels} - {*columns.columns}:
        raise DataError(f"lacks the column {min(lacking)} that another table of the set has")
    found, where = _locate(columns[path].tolist(), name, places, path, [])
    return TableFile({"": name}, other.table, where, len({*found} - {None}), other.separator, other.by_name, [])


def _read(root: Path, name: str, shape: Mapping[str, Any]) -> pd.DataFrame:
    try:
        return read_columns(Table(file=name, path="", label="", **shape), root).map(str.strip)
    except (OSError, DataError) as error:
        raise DataError(str(error).removeprefix(f"{PurePosixPath(name).name}: ")) from error


def _locate(
    values: list[str], name: str, places: Places, path: str, notes: list[str]
) -> tuple[list[str | None], list[str]]:
    """The image that each row leads to, and templates by which they do."""
    folder = PurePosixPath(name).parent.as_posix()
    where, beside = places.where(values, folder, name)
    found = places.locator.find(values, folder, where)
    images = len({*found} - {None})
    if not images or (len(values) > 2 * (len(found) - found.count(None)) and images * 2 < len(places.images)):
        lost = next((value for value, image in zip(values, found, strict=True) if image is None), "")
        looked = f"{lost!r} of {path} is the name of none, in any folder, with any suffix"
        raise DataError(
            f"no column names pictures in most of its rows: {looked}; one is {places.images[0]!r}: make them alike"
        )
    if len(where) > 1:
        notes.append(f"its pictures lie in {len(where)} folders")
    if beside:
        notes.append(f"pictures of the same names lie in {', '.join(beside[:3])}: they get no label")
    return found, where


def _disagree(images: pd.Series, labels: pd.Series) -> bool:
    """Whether a twentieth of the images or more have rows of different labels, as tables of boxes have."""
    return bool(images.duplicated().any() and (labels.groupby(images).nunique() > 1).mean() >= 0.05)
