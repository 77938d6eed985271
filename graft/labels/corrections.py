"""corrections.csv: labels corrected by hand, applied on top of the label rule."""

import csv
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Self

import pandas as pd

from graft.core.errors import DataError, nearest
from graft.labels.locate import nfc
from graft.labels.text_tables import read_text

COLUMNS = ["path", "label", "note"]
DROP = "drop"
"""The label that leaves an image out."""


@dataclass(frozen=True, slots=True)
class Corrections:
    """Rows of corrections.csv, a file with the header ``path,label,note``.

    The path is as in images.csv, the label the correct one or ``drop`` (in any case), the note says why.
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
            rows = read_text(file)
        except (csv.Error, ValueError) as error:
            raise DataError(f"{file}: not a comma-separated table in UTF-8: {error}") from error
        if list(rows.columns) != COLUMNS:
            raise DataError(f"{file}: its columns are {', '.join(rows.columns)}; they must be {', '.join(COLUMNS)}")
        for column in ("path", "label"):
            rows[column] = pd.Series([nfc(text.strip()) for text in rows[column]], dtype=str)
        rows.loc[rows["label"].str.lower() == DROP, "label"] = DROP
        for problem, wrong in (
            ("has no path", rows["path"] == ""),
            (f"has no label; write the right one, or {DROP!r}", rows["label"] == ""),
            ("corrects a path that an earlier row corrects", rows["path"].duplicated()),
        ):
            if wrong.any():
                index = int(wrong.to_numpy().argmax())
                raise DataError(f"{file}: row {index + 1} ({rows['path'][index]!r}) {problem}")
        return cls(rows, file.name)

    def warnings(self, classes: set[str], separator: str | None) -> list[str]:
        """Say which corrections give a class that the label rule gives no image: it may be misspelt."""
        warnings, seen = [], classes | {DROP, ""}
        for path, label in self.rows[["path", "label"]].itertuples(index=False):
            for name in (part.strip() for part in (label.split(separator) if separator else [label])):
                if name not in seen:
                    warnings.append(f"{self.file}: {path!r} is the first of the class {name!r}{nearest(name, classes)}")
                    seen.add(name)
        return warnings

    def apply(self, rows: pd.DataFrame, by_nfc: Mapping[str, str]) -> pd.DataFrame:
        """Correct labels.

        Args:
            rows: columns path, label, unlabelled (why it has no label, else empty) and others; one row an image.
            by_nfc: every image's path, by that path in Unicode's composed form.

        Raises:
            DataError: a correction names no image.
        """
        if not len(self.rows):
            return rows
        for path in self.rows["path"]:
            if path not in by_nfc:
                same_name = [other for other in by_nfc if PurePosixPath(other).name == PurePosixPath(path).name]
                raise DataError(f"{self.file}: {path!r} is no picture of the source{nearest(path, same_name)}")
        rows = rows.set_index("path")
        corrections = self.rows.assign(path=self.rows["path"].map(by_nfc))
        new = corrections["path"][~corrections["path"].isin(rows.index)]
        rows = rows.reindex([*rows.index, *new], fill_value="")
        for path, label, note in corrections[COLUMNS].itertuples(index=False):
            dropped = f"was dropped by {self.file}: {note or 'no reason given'}" if label == DROP else ""
            rows.loc[path, ["label", "unlabelled"]] = ("" if dropped else label, dropped)
        return rows.reset_index()
