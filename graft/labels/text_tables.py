"""Text tables as people and programs write them: encodings, separators, and what spreadsheets add."""

import csv
import io
import re
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

import pandas as pd

from graft.core.errors import DataError
from graft.labels.locate import nfc

SEPARATORS = {"comma": ",", "tab": "\t", "semicolon": ";"}
MARKS = {b"\xef\xbb\xbf": "utf-8-sig", b"\xff\xfe": "utf-16", b"\xfe\xff": "utf-16"}
"""What the first bytes of a text say of its encoding."""


def read_text(
    file: Path,
    separator: str = "comma",
    columns: list[str] | None = None,
    comment: str | None = None,
    encoding: str = "utf-8",
) -> pd.DataFrame:
    """Read all columns as text, an empty one for an empty cell; of columns of one name, the first.

    White space around names of columns is dropped, and so are empty cells beyond the last column, as of a
    separator that ends each line.

    Args:
        file: any.
        separator: a key of `SEPARATORS`, or ``whitespace``.
        columns, comment, encoding: see `Table`.

    Raises:
        DataError: a line has more or fewer fields than there are columns.
        ValueError: the file is empty or no text. csv.Error: a field has no end.
    """
    header, rows = columns, []
    for line, row in text_rows(decode(file, encoding), separator, comment):
        if header is None:
            header = [nfc(name.strip()) for name in row]
            continue
        beyond, lacking = row[len(header) :], header[len(row) :]
        if any(cell.strip() for cell in beyond) or any(lacking):
            raise DataError(
                f"{file.name}: line {line} has {len(row)} fields where {len(header)} are expected; "
                "quote a field that holds the separator, and leave none out"
            )
        rows.append(row[: len(header)] + [""] * len(lacking))
    if header is None:
        raise ValueError("it is empty")
    table = pd.DataFrame(rows, columns=header, dtype=str)
    return table.loc[:, ~table.columns.duplicated()]


def decode(file: Path, encoding: str = "utf-8") -> str:
    """Return a file's text; what its first bytes say goes before `encoding`.

    Raises:
        ValueError: it is no text in this encoding.
    """
    content = file.read_bytes()
    encoding = next((name for mark, name in MARKS.items() if content.startswith(mark)), encoding)
    try:
        text = content.decode(encoding)
    except UnicodeDecodeError as error:
        line, byte = content[: error.start].count(b"\n") + 1, content[error.start : error.start + 1].hex()
        raise ValueError(
            f"line {line} holds the byte {byte}, which is no {encoding.upper()}; save it as UTF-8"
        ) from error
    if "\0" in text:
        raise ValueError("it holds zero bytes, as UTF-16 read as something else does; save it as UTF-8")
    return text


def text_rows(text: str, separator: str, comment: str | None = None) -> Iterator[tuple[int, list[str]]]:
    """Fields of each row that is not empty, with the number of the line it ends in.

    The first line is passed over where it says no more than ``sep=;``, as Excel writes it.

    Raises:
        csv.Error: a field has no end.
    """
    stream = io.StringIO(text, newline="")
    before = 1 if re.match(r'"?sep=."?[\r\n]', text) else 0
    lines = (_uncommented(line, comment) for line in islice(stream, before, None))
    if separator == "whitespace":
        lines = (" ".join(line.split()) for line in lines)
    reader = csv.reader(lines, delimiter=SEPARATORS.get(separator, " "), skipinitialspace=True)
    for row in reader:
        if "".join(row).strip():
            yield reader.line_num + before, row


def _uncommented(line: str, comment: str | None) -> str:
    if comment is None or ('"' in line and not line.startswith(comment)):  # it may stand within a field
        return line
    return line.partition(comment)[0]
