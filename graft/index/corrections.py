"""corrections.csv: labels set right by hand, applied on top of the label rule."""

import csv
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Self

import pandas as pd

from graft.errors import DataError, nearest

COLUMNS = ["path", "label", "note"]
DROP = "drop"
"""The label that leaves a picture out."""


@dataclass(frozen=True, slots=True)
class Corrections:
    """Rows of corrections.csv.

    A file with a header, ``path,label,note``: the path as in images.csv, the right label or ``drop``,
    and why. It stays beside params.yaml, empty or not, so that a change of it is a change of the data.
    """

    rows: pd.DataFrame
    file: str

    @classmethod
    def read(cls, file: Path) -> Self:
        """Read the file.

        Raises:
            DataError: it is absent, lacks a column, has a row without path or label, or a path twice.
        """
        if not file.is_file():
            raise DataError(f"{file} is absent; an empty one has the line {','.join(COLUMNS)}")
        try:
            with file.open(encoding="utf-8-sig", newline="") as lines:  # people edit it, in spreadsheets too
                header, *found = list(csv.reader(lines)) or [[]]
        except (csv.Error, UnicodeDecodeError) as error:
            raise DataError(f"{file}: not a comma-separated table in UTF-8: {error}") from error
        if header != COLUMNS:
            raise DataError(f"{file}: its columns are {', '.join(header)}; they must be {', '.join(COLUMNS)}")
        found = [row for row in found if row]
        for number, row in enumerate(found, start=1):
            if len(row) != len(COLUMNS):
                raise DataError(
                    f"{file}: row {number} has {len(row)} values, not {len(COLUMNS)}; quote what holds a comma"
                )
        rows = pd.DataFrame(found, columns=COLUMNS, dtype=str)
        for problem, wrong in (
            ("has no path", rows["path"] == ""),
            (f"has no label; write the right one, or {DROP!r}", rows["label"] == ""),
            ("corrects a path that an earlier row corrects", rows["path"].duplicated()),
        ):
            if wrong.any():
                place = int(wrong.to_numpy().argmax())
                raise DataError(f"{file}: row {place + 1} ({rows['path'][place]!r}) {problem}")
        return cls(rows, file.name)

    def apply(self, told: pd.DataFrame, known: set[str]) -> pd.DataFrame:
        """Set labels right.

        Args:
            told: columns path, label, why (empty where there is a label) and others; one row a picture.
            known: every picture's path.

        Raises:
            DataError: a correction names no picture.
        """
        if not len(self.rows):
            return told
        for path in self.rows["path"]:
            if path not in known:
                named_alike = [other for other in known if PurePosixPath(other).name == PurePosixPath(path).name]
                raise DataError(f"{self.file}: {path!r} is no picture of the source{nearest(path, named_alike)}")
        told = told.set_index("path")
        told = told.reindex([*told.index, *self.rows["path"][~self.rows["path"].isin(told.index)]], fill_value="")
        for path, label, note in self.rows[COLUMNS].itertuples(index=False):
            why = f"was dropped by {self.file}: {note or 'no reason given'}" if label == DROP else ""
            told.loc[path, ["label", "why"]] = ("" if why else label, why)
        return told.reset_index()
