"""CSV tables, written so that equal content is equal bytes and read so that nothing is guessed."""

import csv
from pathlib import Path
from typing import Literal

import pandas as pd

from graft.core.files import new_file


def write(path: Path, table: pd.DataFrame) -> None:
    """Write a CSV with a header, commas and line feeds on every platform."""
    texts = (table[name] for name in table.columns if not pd.api.types.is_numeric_dtype(table[name]))
    # unless quoted, others take a carriage return for the end of a row, and the csv module does not quote it
    bare = any(text.astype(str).str.contains("\r", regex=False).any() for text in texts)
    quoting: Literal[0, 2] = csv.QUOTE_NONNUMERIC if bare else csv.QUOTE_MINIMAL
    with new_file(path) as partial:
        table.to_csv(partial, index=False, lineterminator="\n", encoding="utf-8", quoting=quoting)


def read(path: Path, columns: list[str] | None = None) -> pd.DataFrame:
    """Read a CSV that `write` wrote, all of it or some columns; all are text, and nothing becomes NaN."""
    # only a line feed ends a row: a carriage return may stand in a file's name
    return pd.read_csv(path, dtype=str, keep_default_na=False, encoding="utf-8", lineterminator="\n", usecols=columns)
