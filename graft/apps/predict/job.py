"""The job of ``graft predict``: classify what is named and write rows, in flat memory however many there are.

A run that was stopped can be resumed: rows in whole batches are kept, what follows is cut off and computed again.
"""

import csv
import json
import os
import re
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from itertools import chain
from pathlib import Path
from typing import IO, Any, BinaryIO, TypeAlias

from graft.apps.predict.inputs import Input, Inputs, prefetched, row_name
from graft.apps.predict.rows import RowSchema, csv_line, json_line
from graft.apps.predict.writers import Format, open_writer
from graft.core.engine import ENGINE, engine
from graft.core.errors import DataError
from graft.predict.prediction import Failure, Prediction
from graft.predict.predictor import BATCH, Predictor, Source
from graft.predict.regions import find_regions

RESUMABLE = (Format.csv, Format.jsonl)
REMEDY = "give the bundle and options it was begun with, or leave out --resume"

Row: TypeAlias = dict[str, Any]  # of CSV, or an object of JSON lines, by name


@dataclass
class Counts:
    """What became of the images of a run."""

    kept: int = 0  # rows that were there already
    done: int = 0  # images with rows of this run
    failed: int = 0  # of both, those that could not be classified
    skipped: int = 0  # files in folders that were passed over, as they are no images
    example: str = ""  # one of them


def classify(
    words: Sequence[str],
    stdin: BinaryIO,
    make: Callable[[], Predictor],
    counts: Counts,
    format: Format = Format.text,
    out: Path | None = None,
    top: int = 0,
    batch: int = BATCH,
    resume: bool = False,
    regions: str | None = None,
    margin: float = 0.0,
) -> None:
    """Classify all that is named, and count in `counts`, which say how far it came however this ends.

    Args:
        words: files, folders, patterns, addresses, or ``-`` for those on `stdin`.
        make: gives the predictor; called when all else is checked.
        out: file of the rows; standard output without.
        top: so many of the most probable classes in every row.
        batch: images that a thread decodes and runs at a time.
        resume: keep the rows of `out`, and do only the rest.
        regions: classify parts of each image instead: see `graft.predict.regions.find_regions`.
        margin: share of their sides by which these are widened.

    Raises:
        GraftError: names what the user can mend.
    """
    if resume and out is None:
        raise DataError("--resume goes on with a file: name it with --out FILE")
    if resume and format not in RESUMABLE:
        raise DataError(f"--resume: {out} is of format {format}, to which nothing can be added; use --csv or --jsonl")
    if resume and regions:
        raise DataError("--resume: with --regions an image has any number of rows; leave one of them out")
    if regions and engine():
        raise DataError(f"--regions: parts of pictures are found on this machine alone; leave {ENGINE} out")
    find = find_regions(regions, margin) if regions else None
    predictor = make()
    schema = RowSchema(predictor.multi_label, min(top, len(predictor.classes)), find is not None)
    inputs = Inputs(words, stdin)
    names, again = iter(inputs), list[Input]()
    if resume and out is not None and out.exists():
        kept = read_kept(out, format, schema, names, batch)
        _check_same(out, format, schema, kept, predictor)
        os.truncate(out, kept.end)
        counts.kept, counts.failed, again = kept.count, kept.failed, kept.again
    append = resume and out is not None and out.exists() and out.stat().st_size > 0
    rows_are_seen = out is None and sys.stdout.isatty()
    try:
        with open_writer(out, format, schema, append) as writer, ExitStack() as stack:
            progress = None
            if sys.stderr.isatty() and not rows_are_seen:
                from graft.core.progress import bar  # late: tqdm takes a while, and logs need none

                progress = stack.enter_context(bar("predict", None, counts.kept))
            sources = prefetched(chain(again, names))
            for results in (
                predictor.predict_regions(sources, find)
                if find
                else ([result] for result in _answers(predictor, sources, batch))
            ):
                for result in results:
                    writer.add(result)
                    counts.failed += isinstance(result, Failure)
                counts.done += 1
                if progress is not None:
                    progress.update()
    finally:
        counts.skipped, counts.example = inputs.skipped, inputs.example


def _answers(predictor: Predictor, sources: Iterator[Source], batch: int) -> Iterator[Prediction | Failure]:
    """One answer for each image, worked out in threads here or where ``GRAFT_ENGINE`` says."""
    if not engine():
        return predictor.predict_many(sources, batch=batch)
    from graft.apps.predict.spread import predict_spread  # late: this machine alone needs none of it

    return predict_spread(predictor, sources, batch)


@dataclass
class Kept:
    """The rows that a file has already, up to a whole batch: the rest then gets the digits of a run never stopped."""

    end: int = 0  # bytes up to the end of the last whole batch, or of the header
    count: int = 0  # rows up to there
    failed: int = 0  # of these, those of images that could not be classified
    again: list[Input] = field(default_factory=list)  # images whose rows come after that: these are computed again
    last: tuple[Input, Row] | None = None  # the last image that could be classified, with its row


def read_kept(out: Path, format: Format, schema: RowSchema, names: Iterator[Input], batch: int) -> Kept:
    """Read the whole rows of a file and take their images from `names`, which must be the same.

    Args:
        names: every image, in order; what is left in it has no row yet.
        batch: images that are computed together.

    Raises:
        DataError: the file is none that graft wrote, has other columns, or rows of other images.
    """
    header = csv_line(schema.columns()) if format is Format.csv else ""
    start = header or '{"path": "'
    with out.open("rb") as file:
        begin = file.read(len(start)).decode(errors="backslashreplace")
        if not start.startswith(begin):
            raise DataError(f"{out}: begins with {begin!r}, not with {start!r}; {REMEDY}")
        if len(begin) < len(start):
            return Kept()
        file.seek(len(header))
        kept, failed, number = Kept(len(header)), 0, 1
        try:
            for row in _rows(file, schema.columns() if header else None):
                name, error = next(names, None), row["error"]
                if name is None or row_name(name) != row["path"]:
                    now = "there is none any more" if name is None else f"now it is {row_name(name)!r}"
                    raise DataError(
                        f"{out}: its row {number} is of {row['path']!r}, but {now}: the pictures are not those it was "
                        "begun with. Name the same again, or leave out --resume to begin anew"
                    )
                kept.again.append(name)
                failed += bool(error)
                kept.last = kept.last if error else (name, row)
                if number % batch == 0:
                    kept.end, kept.count, kept.failed = file.tell(), number, failed
                    kept.again.clear()
                number += 1
        except (ValueError, TypeError, KeyError, csv.Error) as error:
            raise DataError(
                f"{out}: its row {number} is none that `graft predict` wrote ({error}); leave out --resume"
            ) from error
    return kept


def _rows(file: IO[bytes], columns: list[str] | None) -> Iterator[Row]:
    """Yield the whole rows from here on: objects of JSON lines, or of CSV with these columns."""
    lines = (line.decode("utf-8", "surrogateescape") for line in iter(file.readline, b"") if line.endswith(b"\n"))
    if columns is None:
        yield from map(json.loads, lines)
        return
    try:
        for cells in csv.reader(lines, strict=True):
            yield dict(zip(columns, cells, strict=True))
    except csv.Error:  # the last row may be broken off in quotation marks
        if next(lines, None) is not None:
            raise


def _check_same(out: Path, format: Format, schema: RowSchema, kept: Kept, predictor: Predictor) -> None:
    """Refuse to go on where the last image with a row would get another: the bundle or an option has changed."""
    if kept.last is None:
        return
    name, row = kept.last
    result = next(predictor.predict_many(prefetched([name])))
    if isinstance(result, Failure):
        return
    is_csv = format is Format.csv
    now = dict(zip(schema.columns(), schema.cells(result), strict=True)) if is_csv else schema.record(result)
    before, after = json_line(row).strip(), json_line(now).strip()
    words = [re.findall(r"[-+.\w]+", line) for line in (before, after)]
    if len(words[0]) != len(words[1]) or not all(map(_is_close, *words)):
        raise DataError(f"{out}: the row of {row['path']!r} is {before}, and would now be {after}; {REMEDY}")


def _is_close(one: str, other: str) -> bool:
    """Whether two words are the same, or numbers as near as those of an image alone and in its batch."""
    try:
        return one == other or abs(float(one) - float(other)) <= 1e-3
    except ValueError:
        return False
