"""corrections.csv: labels set right by hand, applied on top of the label rule."""

import csv
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Self

import pandas as pd

from graft.core.errors import DataError, nearest
from graft.labels.tables import composed

COLUMNS = ["path", "label", "note"]
DROP = "drop"
"""The label that leaves a picture out."""


@dataclass(frozen=True, slots=True)
class Corrections:
    """Rows of corrections.csv.

    A file with a header, ``path,label,note``: the path as in images.csv, the right label or ``drop``
    (in any case), and why. It stays beside params.yaml, empty or not, so that a change of it is a change of the data.
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
        for column in ("path", "label"):
            rows[column] = pd.Series([composed(text.strip()) for text in rows[column]], dtype=str)
        rows.loc[rows["label"].str.lower() == DROP, "label"] = DROP
        for problem, wrong in (
            ("has no path", rows["path"] == ""),
            (f"has no label; write the right one, or {DROP!r}", rows["label"] == ""),
            ("corrects a path that an earlier row corrects", rows["path"].duplicated()),
        ):
            if wrong.any():
                place = int(wrong.to_numpy().argmax())
                raise DataError(f"{file}: row {place + 1} ({rows['path'][place]!r}) {problem}")
        return cls(rows, file.name)

    def doubts(self, classes: set[str], several: str | None) -> list[str]:
        """Say which corrections give a class that the label rule gives no picture: it may be misspelt."""
        said, seen = [], classes | {DROP, ""}
        for path, label in self.rows[["path", "label"]].itertuples(index=False):
            for name in (part.strip() for part in (label.split(several) if several else [label])):
                if name not in seen:
                    said.append(f"{self.file}: {path!r} is the first of the class {name!r}{nearest(name, classes)}")
                    seen.add(name)
        return said

    def apply(self, told: pd.DataFrame, here: Mapping[str, str]) -> pd.DataFrame:
        """Set labels right.

        Args:
            told: columns path, label, why (empty where there is a label) and others; one row a picture.
            here: every picture's path, by that path in Unicode's composed form.

        Raises:
            DataError: a correction names no picture.
        """
        if not len(self.rows):
            return told
        for path in self.rows["path"]:
            if path not in here:
                named_alike = [other for other in here if PurePosixPath(other).name == PurePosixPath(path).name]
                raise DataError(f"{self.file}: {path!r} is no picture of the source{nearest(path, named_alike)}")
        told = told.set_index("path")
        rows = self.rows.assign(path=self.rows["path"].map(here))
        told = told.reindex([*told.index, *rows["path"][~rows["path"].isin(told.index)]], fill_value="")
        for path, label, note in rows[COLUMNS].itertuples(index=False):
            why = f"was dropped by {self.file}: {note or 'no reason given'}" if label == DROP else ""
            told.loc[path, ["label", "why"]] = ("" if why else label, why)
        return told.reset_index()
