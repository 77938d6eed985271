"""Read a table that is text, no field of it lost or moved to another column."""

import csv
import re
from collections.abc import Iterator
from pathlib import Path

import pandas as pd

from graft.errors import DataError

SEPARATORS = {"comma": ",", "tab": "\t", "semicolon": ";", "whitespace": r"\s+"}


def read_text(file: Path, separator: str, columns: list[str] | None, comment: str | None) -> pd.DataFrame:
    """Read all columns as text, an empty one for an empty cell.

    Args:
        file: in UTF-8.
        separator: a key of `SEPARATORS`.
        columns: their names, where the first line is already a row.
        comment: the character that begins a comment.

    Raises:
        DataError: a line has more or fewer fields than there are columns.
        ValueError: the file is empty or no text. csv.Error: a field has no end.
    """
    wanted = len(columns or ())
    for number, row in _rows(file, separator, comment):
        wanted = wanted or len(row)
        if len(row) != wanted:
            raise DataError(
                f"{file.name}: line {number} has {len(row)} fields where {wanted} are expected; quote a field that "
                "holds the separator, and leave none out"
            )
    return pd.read_csv(
        file,
        sep=SEPARATORS[separator],
        names=columns,
        header=None if columns else 0,
        index_col=False,
        dtype=str,
        keep_default_na=False,
        comment=comment,
        encoding="utf-8-sig",  # spreadsheets put a mark before the first column's name
    )


def _rows(file: Path, separator: str, comment: str | None) -> Iterator[tuple[int, list[str]]]:
    """Fields of every row that is not blank, with the number of its last line."""
    with file.open(encoding="utf-8-sig", newline="") as text:
        lines = (_uncommented(line, comment) for line in text)
        if separator == "whitespace":
            reader = csv.reader((re.sub(r"\s+", " ", line.strip()) for line in lines), delimiter=" ")
        else:
            reader = csv.reader(lines, delimiter=SEPARATORS[separator])
        for row in reader:
            if len(row) > 1 or (row and row[0].strip()):
                yield reader.line_num, row


def _uncommented(line: str, comment: str | None) -> str:
    if comment is None or ('"' in line and not line.startswith(comment)):  # it may stand within a field
        return line
    return line.partition(comment)[0]
