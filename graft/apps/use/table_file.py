"""Detect how one file labels images: how it is written, which column names them, and what the others hold."""

from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

from graft.apps.use.column_names import PATHS, says
from graft.apps.use.table_columns import detect_columns
from graft.apps.use.table_places import Places
from graft.apps.use.table_shape import detect_shape
from graft.core.errors import DataError
from graft.labels.tables import Table, read_columns

SAMPLE = 500  # rows by which the column of file names is chosen


@dataclass(frozen=True, slots=True)
class TableFile:
    """One table, or several joined: its keys of ``labels.table`` but file and where, and what labels stand between.

    `by_name` says that a name, or ones and noughts, tell the label, and not only its values.
    """

    name: str
    files: dict[str, str]
    table: dict[str, Any]
    where: list[str]
    separator: str | None
    by_name: bool
    notes: list[str]

    def keys(self) -> dict[str, Any]:
        """The section ``labels.table``."""
        file = self.files if len(self.files) > 1 else next(iter(self.files.values()))
        where: dict[str, Any] = {"where": self.where[0] if len(self.where) == 1 else self.where}
        return {"file": file} | self.table | (where if self.where != ["{path}"] else {})

    def spelling(self) -> str:
        """What two tables share that can be read as one: how they are written, and their main columns."""
        needed = ("separator", "encoding", "comment", "columns", "path", "label", "one_hot")
        return repr([self.table.get(key) for key in needed])


def detect_table(root: Path, name: str, places: Places) -> TableFile:
    """Detect how a file labels images.

    Raises:
        DataError: it cannot be read, no column names images, or none looks like a label.
    """
    if says(name, "submission"):
        raise DataError("shows the form of a submission, and labels nothing")
    try:
        shape, notes = ({}, []) if name.endswith(".parquet") else detect_shape(root / name, places)
        columns = read_columns(Table(file=name, path="", label="", **shape), root).map(str.strip)
    except (OSError, ValueError) as error:
        raise DataError(f"cannot be read as a table: {error}") from error
    except DataError as error:
        raise DataError(str(error).removeprefix(f"{PurePosixPath(name).name}: ")) from error
    sample = columns.iloc[:: max(1, len(columns) // SAMPLE)]
    named = {str(column): places.named(sample[column].tolist()) for column in columns.columns}
    path = max(named, key=lambda column: (named[column], says(column, PATHS)))
    folder = PurePosixPath(name).parent.as_posix()
    where, beside = places.where(columns[path].tolist(), folder, name)
    found = places.locator.find(columns[path], folder, where) if where else [None] * len(columns)
    inside = [image is not None for image in found]
    images = len({*found} - {None})
    if not images or (sum(inside) * 2 < len(columns) and images * 2 < len(places.images)):
        lost = next((value for value, image in zip(columns[path], found, strict=False) if image is None), "")
        looked = f"{lost!r} of {path} is the name of none, in any folder, with any suffix"
        raise DataError(f"no column names pictures in most of its rows: {looked}; one is {places.images[0]!r}")
    rest = detect_columns(columns[inside].reset_index(drop=True), path, "columns" not in shape)
    notes += rest.notes
    if len(where) > 1:
        notes.append(f"its pictures lie in {len(where)} folders")
    if beside:
        notes.append(f"pictures of the same names lie in {', '.join(beside[:3])}: they get no label")
    return TableFile(name, {"": name}, shape | {"path": path} | rest.table, where, rest.separator, rest.by_name, notes)
