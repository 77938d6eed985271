"""Where rows go: a stream of lines, aligned, CSV or JSON; for parquet see `graft.apps.predict.writers`."""

import os
import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from enum import StrEnum
from pathlib import Path
from typing import Any, Protocol, TextIO

from graft.apps.predict.rows import Result, Shape, csv_line, json_line, printable
from graft.core.errors import DataError, install
from graft.core.files import new_file
from graft.predict.prediction import Failure

GROUP = 10_000
"""Rows that are kept and written together."""


class _Groups:
    def __init__(self, writer: Any, shape: Shape, size: int) -> None:
        self._writer, self._shape, self._size = writer, shape, size
        self._rows: list[dict[str, Any]] = []

    def add(self, result: Result) -> None:
        """Keep a row; write them when there are enough for a group."""
        self._rows.append(_named(self._shape.record(result), isinstance(result, Failure)))
        if len(self._rows) == self._size:
            self.end()

    def end(self) -> None:
        """Write the rows kept as a group."""
        import pyarrow as pa

        if self._rows:
            self._writer.write_table(pa.Table.from_pylist(self._rows, schema=self._writer.schema))
            self._rows.clear()


@contextmanager
def open_parquet(out: Path, shape: Shape, group: int = GROUP) -> Iterator[_Groups]:
    """Yield a writer of rows; the columns are those of JSON lines, lists and all.

    Args:
        group: rows that are kept and written together.

    Raises:
        DataError: pyarrow is not installed.
    """
    try:
        import pyarrow.parquet as pq
    except ImportError as error:
        raise DataError(f"parquet needs pyarrow: {install('parquet')}") from error
    with new_file(out) as partial:
        try:
            with pq.ParquetWriter(partial, _schema(shape)) as writer:
                groups = _Groups(writer, shape, group)
                yield groups
                groups.end()
        except BaseException:
            partial.unlink(missing_ok=True)
            raise


def _schema(shape: Shape) -> Any:
    import pyarrow as pa

    chances = pa.list_(pa.struct([("label", pa.string()), ("probability", pa.float64())]))
    one = [("label", pa.string()), ("probability", pa.float64()), ("sure", pa.bool_())]
    said = [("labels", chances)] if shape.multi_label else one
    top = [("top", chances)] if shape.top else []
    return pa.schema([("path", pa.string()), *said, *top, ("error", pa.string())])


def _named(record: dict[str, Any], failed: bool) -> dict[str, Any]:
    """A record with a path that is Unicode: the only texts that come from outside are it and an error."""
    for key in ("path", "error") if failed else ("path",):
        record[key] = record[key].encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")
    return record


HELD = 20
"""Rows that aligned text waits for to see how long paths are."""


class Format(StrEnum):
    """How rows are written."""

    text = "text"
    csv = "csv"
    jsonl = "jsonl"
    parquet = "parquet"


class Writer(Protocol):
    """Takes results one by one."""

    def add(self, result: Result) -> None:
        """Write a row, or keep it until there are enough."""
        ...

    def end(self) -> None:
        """Write what was kept."""
        ...


def choose(flags: Iterable[Format], out: Path | None) -> Format:
    """Settle on a format: the one asked for, else that of the file's suffix, else text.

    Raises:
        DataError: several are asked for, parquet without a file, or a suffix that promises what is not written.
    """
    asked = list(flags)
    if len(asked) > 1:
        raise DataError(f"--{' and --'.join(asked)}: only one of them at a time")
    suffix = out.suffix.lower().removeprefix(".") if out else ""
    if suffix == "json" and not asked:
        raise DataError(f"{out}: rows are written as JSON lines, not as one JSON: name it .jsonl, or add --jsonl")
    suffix = "jsonl" if suffix == "ndjson" else suffix
    chosen = asked[0] if asked else Format(suffix) if suffix in set(Format) else Format.text
    if chosen is Format.parquet and out is None:
        raise DataError("--parquet needs a file: --out FILE.parquet")
    return chosen


class Lines:
    """Writes a line a result, at once, so that whoever reads along and a run that is killed have all but the last.

    Args:
        stream: open for text.
        format: CSV or JSON lines.
        header: whether the names of the columns come first, in CSV.
    """

    def __init__(self, stream: TextIO, format: Format, shape: Shape, header: bool = True) -> None:
        self._stream = stream
        self._line: Callable[[Result], str]
        if format is Format.csv:
            self._line = lambda result: csv_line(shape.cells(result))
            if header:
                stream.write(csv_line(shape.columns()))
                stream.flush()
        else:
            self._line = lambda result: json_line(shape.record(result))

    def add(self, result: Result) -> None:
        """Write a row."""
        self._stream.write(self._line(result))
        self._stream.flush()

    def end(self) -> None:
        """Do nothing: no row is kept."""


class Aligned:
    """Writes text to read: paths on the left, as wide as the first of them."""

    def __init__(self, stream: TextIO, shape: Shape) -> None:
        self._stream, self._shape = stream, shape
        self._held: list[tuple[str, str]] = []
        self._width: int | None = None

    def add(self, result: Result) -> None:
        """Write a row, the first ones together."""
        self._held.append((printable(result.source), self._shape.words(result)))
        if self._width is not None or len(self._held) == HELD:
            self.end()

    def end(self) -> None:
        """Write the rows kept."""
        if self._width is None:
            self._width = max((len(name) for name, _ in self._held), default=0)
        for name, said in self._held:
            self._stream.write(f"{name:{self._width}}  {said}\n")
        self._held.clear()
        self._stream.flush()


@contextmanager
def open_writer(out: Path | None, format: Format, shape: Shape, append: bool = False) -> Iterator[Writer]:
    """Yield a writer to a file, or to standard output without one; what it keeps is written however the block ends.

    Args:
        append: go on with a file that has its header.

    Raises:
        DataError: the file cannot be written, or a package that its format needs is missing.
    """
    try:
        if format is Format.parquet:
            assert out is not None

            with open_parquet(out, shape) as writer:
                yield writer
            return
        with _open(out, append) as stream:
            lines = Aligned(stream, shape) if format is Format.text else Lines(stream, format, shape, not append)
            try:
                yield lines
            finally:
                lines.end()
    except OSError as error:
        if out is None:
            if isinstance(error, BrokenPipeError):  # whoever reads along has seen enough
                raise
            _let_go_of_stdout()
        raise DataError(f"{out or 'standard output'}: cannot be written: {error.strerror or error}") from error


def _let_go_of_stdout() -> None:
    """Send what could not be written nowhere: Python would try again at its exit, and complain."""
    with suppress(OSError):  # a stream without a file
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


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
