"""Go on with the rows of a run that was stopped: whole rows are kept, a broken last one is cut off."""

import csv
import json
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NoReturn, TypeAlias

import numpy as np

from graft.apps.predict.inputs import Named, row_name
from graft.apps.predict.rows import JOINED, Result, Shape, csv_line, number
from graft.apps.predict.writers import Format
from graft.core.errors import DataError
from graft.predict.prediction import Failure

PIECE = 2**20
RESUMABLE = (Format.csv, Format.jsonl)
SLACK = 1e-3
"""By which a probability may differ where a picture is computed again, alone and not in its batch."""
OTHERWISE = "give the bundle and options it was begun with, or leave out --resume"

Row: TypeAlias = list[str] | dict[str, Any]
"""Cells of CSV, or an object of JSON lines."""


@dataclass
class Kept:
    """What a file has already.

    Attributes:
        end: its length up to the end of the last whole row.
        count: its rows.
        failed: of these, those of pictures that could not be classified.
        again: the last pictures, if they belong to a batch with the next: computed with them again, they
            give those the very digits of a run never stopped.
        last: the last picture that could be classified, with its row; empty without.
    """

    end: int = 0
    count: int = 0
    failed: int = 0
    again: list[Named] = field(default_factory=list)
    last: list[tuple[Named, Row]] = field(default_factory=list)


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


def read_kept(out: Path, format: Format, shape: Shape, names: Iterator[Named], batch: int) -> Kept:
    """Read the whole rows of a file, and take what they are of from `names`, which must be the same pictures.

    Args:
        out: CSV or JSON lines, of the same shape; maybe absent.
        names: every picture, in order; what is left in it has no row yet.
        batch: pictures that are computed together.

    Raises:
        DataError: the file is none that graft wrote, has other columns, or rows of other pictures.
    """
    if not out.exists():
        return Kept()
    kept = Kept(whole(out, quoted=format is Format.csv))
    if kept.end == 0:
        _check_begun(out, format, shape)
    newest: deque[Named] = deque(maxlen=batch)
    for row in _rows(out, kept.end, format, shape):
        path, failed = (row["path"], row["error"]) if isinstance(row, dict) else (row[0], row[-1])
        name = next(names, None)
        if name is None or row_name(name) != path:
            now = "there is none any more" if name is None else f"now it is {row_name(name)!r}"
            raise DataError(
                f"{out}: its row {kept.count + 1} is of {path!r}, but {now}: the pictures are not those it was begun "
                "with. Name the same again, or leave out --resume to begin anew"
            )
        kept.count += 1
        kept.failed += bool(failed)
        newest.append(name)
        if not failed:
            kept.last = [(name, row)]
    if kept.count % batch:
        kept.again = list(newest)[-(kept.count % batch) :]
    return kept


def check_same(out: Path, row: Row, result: Result, shape: Shape) -> None:
    """See that a picture which has a row would get the same again; whether it still can be read is not asked.

    Raises:
        DataError: it would not.
    """
    if isinstance(result, Failure):
        return
    had, now = _chances(out, row, shape), {name: result.probabilities[name] for name in result.labels}
    if not shape.multi_label:
        now = {result.label or "": result.probability}
    if had.keys() != now.keys() or any(abs(had[name] - now[name]) > SLACK for name in now):
        raise DataError(
            f"{out}: the row of {result.source!r} has {_told(had)}, and would now have {_told(now)}; {OTHERWISE}"
        )


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


def _check_begun(out: Path, format: Format, shape: Shape) -> None:
    """Refuse a file without a whole row that does not look like the beginning of one."""
    first = csv_line(shape.columns()) if format is Format.csv else '{"path": "'
    with out.open("rb") as file:
        begun = file.read(len(first)).decode("utf-8", "surrogateescape")
    if not first.startswith(begun):
        _refuse(out, begun)


def _rows(out: Path, end: int, format: Format, shape: Shape) -> Iterator[Row]:
    """The whole rows of a file.

    Raises:
        DataError: a row, or the header, is none of ours, or has not what is asked for now.
    """
    if format is Format.jsonl:
        for line in _lines(out, end):
            yield _record(out, line, shape)
        return
    rows, columns = csv.reader(_lines(out, end)), shape.columns()
    header = next(rows, None)
    if header not in (None, columns):
        said = f"begins with {csv_line(header or []).strip()}, not with {csv_line(columns).strip()}"
        raise DataError(f"{out}: {said}; {OTHERWISE}")
    for row in rows:
        if len(row) != len(columns):
            _refuse(out, csv_line(row))
        yield row


def _lines(out: Path, end: int) -> Iterator[str]:
    with out.open("rb") as file:
        while file.tell() < end:
            yield file.readline().decode("utf-8", "surrogateescape")


def _record(out: Path, line: str, shape: Shape) -> dict[str, Any]:
    try:
        record: dict[str, Any] = json.loads(line)
        path, failed = record["path"], record["error"] is not None
    except (ValueError, KeyError, TypeError):
        _refuse(out, line)
    if not isinstance(path, str):
        _refuse(out, line)
    if not failed and (list(record) != shape.keys() or len(record.get("top", [])) != shape.top):
        top = f", {shape.top} of them in top" if shape.top else ""
        raise DataError(f"{out}: a row has {', '.join(record)}, not {', '.join(shape.keys())}{top}; {OTHERWISE}")
    return record


def _refuse(out: Path, line: str) -> NoReturn:
    raise DataError(f"{out}: a row is none that `graft predict` wrote: {line.strip()[:100]!r}; leave out --resume")


def _chances(out: Path, row: Row, shape: Shape) -> dict[str, float]:
    """Probabilities by label, of the labels that a row has; of one that is not sure, under an empty label."""
    try:
        if isinstance(row, list):
            names, chances = (cell.split(JOINED) if shape.multi_label else [cell] for cell in row[1:3])
            pairs = [] if shape.multi_label and not row[1] else list(zip(names, chances, strict=True))
        elif shape.multi_label:
            pairs = [(one["label"], one["probability"]) for one in row["labels"]]
        else:
            pairs = [(row["label"] or "", row["probability"])]
        return {name: float(chance) for name, chance in pairs}
    except (ValueError, KeyError, TypeError):
        _refuse(out, csv_line(row) if isinstance(row, list) else json.dumps(row))


def _told(chances: dict[str, float]) -> str:
    return ", ".join(f"{name or 'not sure'} {number(chance)}" for name, chance in chances.items()) or "no class"
