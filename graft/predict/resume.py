"""Go on with the rows of a run that was stopped: whole rows are kept, a broken last one is cut off."""

import csv
import json
import os
from collections import deque
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from graft.errors import DataError
from graft.predict.inputs import Named, row_name
from graft.predict.rows import Shape, csv_line
from graft.predict.writers import Format

PIECE = 2**20


def check_resumable(out: Path | None, format: Format) -> None:
    """Refuse what cannot be gone on with.

    Raises:
        DataError: says why.
    """
    if out is None:
        raise DataError("--resume goes on with a file: name it with --out FILE")
    if format is Format.parquet:
        raise DataError(
            "--resume: a parquet file is readable only with its end, which a stopped run never wrote; "
            "use --csv or --jsonl"
        )
    if format is Format.text:
        raise DataError("--resume: aligned text is for people; use --csv or --jsonl")


def go_on(out: Path, format: Format, shape: Shape, names: Iterator[Named], batch: int) -> tuple[int, list[Named]]:
    """Cut a file to its whole rows and take what they are of from `names`, which must be the same pictures.

    Args:
        out: CSV or JSON lines, of the same shape; maybe absent.
        names: every picture, in order; what is left in it has no row yet.
        batch: pictures that are computed together.

    Returns:
        How many rows are kept, and those of the last pictures taken that belong to a batch with the
        next: computed with them again, they give those the very digits of a run never stopped.

    Raises:
        DataError: the file has other columns, or rows of other pictures.
    """
    if not out.exists():
        return 0, []
    end = whole(out, quoted=format is Format.csv)
    count = 0
    last: deque[Named] = deque(maxlen=batch)
    for path in _paths(out, end, format, shape):
        name = next(names, None)
        if name is None or row_name(name) != path:
            now = "there is none any more" if name is None else f"now it is {row_name(name)!r}"
            raise DataError(
                f"{out}: its row {count + 1} is of {path!r}, but {now}: the pictures are not those it was begun "
                "with. Name the same again, or leave out --resume to begin anew"
            )
        count += 1
        last.append(name)
    os.truncate(out, end)
    return count, list(last)[-(count % batch) :] if count % batch else []


def whole(file: Path, quoted: bool) -> int:
    """Return the length of a file up to the end of its last whole row.

    Args:
        quoted: in quotation marks, a line feed ends no row.
    """
    end = start = 0
    inside = 0
    with file.open("rb") as stream:
        while piece := stream.read(PIECE):
            codes = np.frombuffer(piece, dtype=np.uint8)
            marks = inside + np.cumsum(codes == ord('"')) if quoted else np.zeros(len(codes), dtype=np.int64)
            ends = np.flatnonzero((codes == ord("\n")) & (marks % 2 == 0))
            end = start + int(ends[-1]) + 1 if len(ends) else end
            inside, start = int(marks[-1]) % 2, start + len(piece)
    return end


def _paths(out: Path, end: int, format: Format, shape: Shape) -> Iterator[str]:
    """The pictures that a file has whole rows of.

    Raises:
        DataError: a row, or the header, is none of ours.
    """
    if format is Format.jsonl:
        for line in _lines(out, end):
            yield _path_in(line) or _refuse(out, line)
        return
    rows, columns = csv.reader(_lines(out, end)), shape.columns()
    header = next(rows, None)
    if header not in (None, columns):
        raise DataError(
            f"{out}: begins with {csv_line(header or []).strip()}, not with {csv_line(columns).strip()}; "
            "give the bundle and options it was begun with, or leave out --resume"
        )
    for row in rows:
        yield row[0] if len(row) == len(columns) else _refuse(out, csv_line(row))


def _lines(out: Path, end: int) -> Iterator[str]:
    with out.open("rb") as file:
        while file.tell() < end:
            yield file.readline().decode("utf-8", "surrogateescape")


def _path_in(line: str) -> str | None:
    try:
        path = json.loads(line)["path"]
    except (ValueError, KeyError, TypeError):
        return None
    return path if isinstance(path, str) else None


def _refuse(out: Path, line: str) -> str:
    raise DataError(f"{out}: a row is none that `graft predict` wrote: {line.strip()[:100]!r}; leave out --resume")
