"""Where rows go: lines of text, CSV or JSON as they come, or parquet in groups."""

import os
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from enum import StrEnum
from pathlib import Path
from typing import Any, TextIO, TypeAlias

from graft.apps.predict.rows import Result, RowSchema, csv_line, json_line, printable
from graft.core.errors import DataError, install
from graft.core.files import new_file
from graft.predict.prediction import Failure

ALIGNED_BY = 20
"""Rows that aligned text waits for to see how long paths are."""
GROUP = 10_000
"""Rows that parquet keeps and writes together."""


class Format(StrEnum):
    """How rows are written."""

    text = "text"
    csv = "csv"
    jsonl = "jsonl"
    parquet = "parquet"


def choose_format(flags: Sequence[Format], out: Path | None) -> Format:
    """Settle on a format: the one asked for, else that of the file's suffix, else text.

    Raises:
        DataError: several are asked for, parquet without a file, or a suffix that promises what is not written.
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


Writer: TypeAlias = "Lines | AlignedText | ParquetGroups"
"""Takes results one by one by `add`; what it keeps is written by `flush`."""


@contextmanager
def open_writer(out: Path | None, format: Format, schema: RowSchema, append: bool = False) -> Iterator[Writer]:
    """Yield a writer to a file, or to standard output without one; what it keeps is written however the block ends.

    A parquet file is whole or absent: one that was there is replaced only when the block ends well.

    Args:
        append: add to a file that has its header.

    Raises:
        DataError: the file cannot be written, or a package that its format needs is missing.
    """
    try:
        if format is Format.parquet:
            assert out is not None
            with _open_parquet(out, schema) as writer:
                yield writer
            return
        with _open(out, append) as stream:
            lines = AlignedText(stream, schema) if format is Format.text else Lines(stream, format, schema, not append)
            try:
                yield lines
            finally:
                lines.flush()
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
        reconfigure = getattr(sys.stdout, "reconfigure", None)
        if reconfigure is not None:
            reconfigure(errors="surrogateescape")
        yield sys.stdout
        return
    out.parent.mkdir(parents=True, exist_ok=True)
    with out.open("a" if append else "w", encoding="utf-8", errors="surrogateescape", newline="") as stream:
        yield stream


class Lines:
    """Writes a line a result, at once, so that whoever reads along and a run that is killed have all but the last.

    Args:
        stream: open for text.
        format: CSV or JSON lines.
        header: whether the names of the columns come first, in CSV.
    """

    def __init__(self, stream: TextIO, format: Format, schema: RowSchema, header: bool = True) -> None:
        self._stream = stream
        self._line: Callable[[Result], str]
        if format is Format.csv:
            self._line = lambda result: csv_line(schema.cells(result))
            if header:
                stream.write(csv_line(schema.columns()))
                stream.flush()
        else:
            self._line = lambda result: json_line(schema.record(result))

    def add(self, result: Result) -> None:
        """Write a row."""
        self._stream.write(self._line(result))
        self._stream.flush()

    def flush(self) -> None:
        """Do nothing: no row is kept."""


class AlignedText:
    """Writes text to read: paths on the left, as wide as the longest of the first ones."""

    def __init__(self, stream: TextIO, schema: RowSchema) -> None:
        self._stream, self._schema = stream, schema
        self._rows: list[tuple[str, str]] = []
        self._width: int | None = None

    def add(self, result: Result) -> None:
        """Write a row, the first ones together."""
        self._rows.append((printable(result.source), self._schema.text(result)))
        if self._width is not None or len(self._rows) == ALIGNED_BY:
            self.flush()

    def flush(self) -> None:
        """Write the rows kept."""
        if self._width is None:
            self._width = max((len(name) for name, _ in self._rows), default=0)
        for name, text in self._rows:
            self._stream.write(f"{name:{self._width}}  {text}\n")
        self._rows.clear()
        self._stream.flush()


class ParquetGroups:
    """Keeps rows until there are enough for a group; the columns are those of JSON lines, lists and all.

    Args:
        writer: pyarrow's.
        size: rows that are kept and written together.
    """

    def __init__(self, writer: Any, schema: RowSchema, size: int = GROUP) -> None:
        self._writer, self._schema, self._size = writer, schema, size
        self._rows: list[dict[str, Any]] = []

    def add(self, result: Result) -> None:
        """Keep a row; write them when there are enough for a group."""
        row = self._schema.record(result)
        for key in ("path", "error") if isinstance(result, Failure) else ("path",):  # texts that come from outside
            row[key] = row[key].encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")
        self._rows.append(row)
        if len(self._rows) == self._size:
            self.flush()

    def flush(self) -> None:
        """Write the rows kept as a group."""
        import pyarrow as pa

        if self._rows:
            self._writer.write_table(pa.Table.from_pylist(self._rows, schema=self._writer.schema))
            self._rows.clear()


@contextmanager
def _open_parquet(out: Path, schema: RowSchema) -> Iterator[Writer]:
    try:
        import pyarrow as pa
        import pyarrow.parquet as pq
    except ImportError as error:
        raise DataError(f"parquet needs pyarrow: {install('parquet')}") from error
    pairs = pa.list_(pa.struct([("label", pa.string()), ("probability", pa.float64())]))
    one = [("label", pa.string()), ("probability", pa.float64()), ("sure", pa.bool_())]
    labels = [("labels", pairs)] if schema.multi_label else one
    top = [("top", pairs)] if schema.top else []
    columns = pa.schema([("path", pa.string()), *labels, *top, ("error", pa.string())])
    with new_file(out) as partial, pq.ParquetWriter(partial, columns) as writer:
        groups = ParquetGroups(writer, schema)
        yield groups
        groups.flush()
