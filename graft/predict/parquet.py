"""Rows as a parquet file, written group by group; the file appears when it is whole."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from graft import atomic
from graft.errors import DataError, install
from graft.predict.results import Failure
from graft.predict.rows import Result, Shape

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
    with atomic.new_file(out) as partial:
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
