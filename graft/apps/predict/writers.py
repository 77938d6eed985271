"""Where rows go: lines of text, CSV or JSON as they come, or parquet in groups."""

import os
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from enum import StrEnum
from pathlib import Path
from typing import TextIO, TypeAlias

from graft.apps.predict.rows import BOX, Result, RowSchema, csv_line, json_line, printable
from graft.core.errors import DataError, install
from graft.core.files import new_file

ALIGNED_BY = 20  # rows that aligned text waits for to see how long paths are
GROUP = 10_000  # rows that parquet keeps and writes together


class Format(StrEnum):
    """How rows are written."""

    text = "text"
    csv = "csv"
    jsonl = "jsonl"
    parquet = "parquet"


def choose_format(flags: Sequence[Format], out: Path | None) -> Format:
    """Settle on a format: the one asked for, else that of the file's suffix, else text.

    Raises:
        DataError: several are asked for, parquet without a file, or a suffix that promises another.
    """
    if len(flags) > 1:
        raise DataError(f"--{' and --'.join(flags)}: only one of them at a time")
    suffix = out.suffix.lower().removeprefix(".") if out else ""
    if suffix == "json" and not flags:
        raise DataError(f"{out}: rows are written as JSON lines, not as one JSON: name it .jsonl, or add --jsonl")
    suffix = "jsonl" if suffix == "ndjson" else suffix
    chosen = flags[0] if flags else Format(suffix) if suffix in set(Format) else Format.text
    if chosen is Format.parquet and out is None:
        raise DataError("--parquet needs a file: --out FILE.parquet")
    return chosen


Write: TypeAlias = Callable[[list[Result]], object]


class Writer:
    """Takes results one by one by `add`, and writes the first so many together, and then each so many."""

    def __init__(self, write: Write, first: int = 1, group: int = 1) -> None:
        self._write, self._size, self._group = write, first, group
        self._kept: list[Result] = []

    def add(self, result: Result) -> None:
        """Take a result; write what is kept when it is enough."""
        self._kept.append(result)
        if len(self._kept) >= self._size:
            self.flush()

    def flush(self) -> None:
        """Write what is kept."""
        kept, self._kept, self._size = self._kept, [], self._group
        if kept:
            self._write(kept)


@contextmanager
def open_writer(out: Path | None, format: Format, schema: RowSchema, append: bool = False) -> Iterator[Writer]:
    """Yield a writer to a file, or to standard output without one.

    Rows of CSV and JSON are written at once, so that whoever reads along, and a run that is killed, have
    all but the last. Text is aligned by its first rows, which are written however the block ends. A parquet
    file is whole or absent: one that was there is replaced only when the block ends well.

    Args:
        append: add to a file that has its header.

    Raises:
        DataError: the file cannot be written, or a package that its format needs is missing.
    """
    try:
        if format is Format.parquet:
            assert out is not None
            with _open_parquet(out, schema) as write:
                writer = Writer(write, GROUP, GROUP)
                yield writer
                writer.flush()
            return
        with _open(out, append) as stream:
            if format is Format.text:
                writer = Writer(_aligned(stream, schema), ALIGNED_BY)
            elif format is Format.jsonl:
                writer = Writer(lambda rows: _print(stream, (json_line(schema.record(row)) for row in rows)))
            else:
                writer = Writer(lambda rows: _print(stream, (csv_line(schema.cells(row)) for row in rows)))
                _print(stream, [] if append else [csv_line(schema.columns())])
            try:
                yield writer
            finally:
                writer.flush()
    except OSError as error:
        if out is None:
            if isinstance(error, BrokenPipeError):  # whoever reads along has seen enough
                raise
            # Python would try again at its exit to write what could not be written, and complain
            with suppress(OSError):  # a stream without a file
                os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        raise DataError(f"{out or 'standard output'}: cannot be written: {error.strerror or error}") from error


@contextmanager
def _open(out: Path | None, append: bool) -> Iterator[TextIO]:
    # names of files are bytes: those that are no Unicode come out as they are
    if out is None:
        with suppress(AttributeError):  # a stream that was put in its place
            sys.stdout.reconfigure(errors="surrogateescape")  # type: ignore[union-attr]
        yield sys.stdout
        return
    out.parent.mkdir(parents=True, exist_ok=True)
    with out.open("a" if append else "w", encoding="utf-8", errors="surrogateescape", newline="") as stream:
        yield stream


def _print(stream: TextIO, lines: Iterable[str]) -> None:
    stream.writelines(lines)
    stream.flush()


def _aligned(stream: TextIO, schema: RowSchema) -> Write:
    """Paths on the left, as wide as the longest of the first ones."""
    width: int | None = None

    def write(results: list[Result]) -> None:
        nonlocal width
        rows = [(printable(result.source), schema.text(result)) for result in results]
        width = max(len(name) for name, _ in rows) if width is None else width
        _print(stream, (f"{name:{width}}  {text}\n" for name, text in rows))

    return write


@contextmanager
def _open_parquet(out: Path, schema: RowSchema) -> Iterator[Write]:
    """Yield what writes a group; the columns are those of JSON lines, lists and all."""
    try:
        import pyarrow as pa
        import pyarrow.parquet as pq
    except ImportError as error:
        raise DataError(f"parquet needs pyarrow: {install('parquet')}") from error
    pair = [("label", pa.string()), ("probability", pa.float64())]
    pairs = pa.list_(pa.struct(pair))
    labels = [("labels", pairs)] if schema.multi_label else [*pair, ("sure", pa.bool_())]
    top = [("top", pairs)] if schema.top else []
    box = [(name, pa.int64()) for name in BOX] if schema.regions else []
    columns = pa.schema([("path", pa.string()), *box, *labels, *top, ("error", pa.string())])
    with new_file(out) as partial, pq.ParquetWriter(partial, columns) as file:

        def write(results: list[Result]) -> None:
            rows = [schema.record(result) for result in results]
            for row in rows:
                for key in ("path", "error"):  # texts that come from outside
                    row[key] = row[key] and row[key].encode(errors="surrogateescape").decode(errors="backslashreplace")
            file.write_table(pa.Table.from_pylist(rows, schema=columns))

        yield write
