"""Rows are written as they come, and whole."""

from io import StringIO
from pathlib import Path

import pytest

from graft.apps.predict.rows import Shape
from graft.apps.predict.writers import HELD, Aligned, Format, choose, open_writer
from graft.core.errors import DataError
from graft.predict.prediction import Failure, Prediction


def result(number: int) -> Prediction:
    return Prediction("a", ("a",), 0.75, {"a": 0.75, "b": 0.25}, True, f"{'x' * number}.jpg")


@pytest.mark.parametrize(
    ("flags", "out", "chosen"),
    [
        ([], None, Format.text),
        ([], Path("a.CSV"), Format.csv),
        ([], Path("a.jsonl"), Format.jsonl),
        ([], Path("a.ndjson"), Format.jsonl),
        ([], Path("a.parquet"), Format.parquet),
        ([Format.jsonl], Path("a.json"), Format.jsonl),
        ([], Path("a.log"), Format.text),
        ([Format.jsonl], Path("a.csv"), Format.jsonl),
        ([Format.csv], None, Format.csv),
    ],
)
def test_the_format_is_the_one_asked_for_else_the_files(flags: list[Format], out: Path | None, chosen: Format) -> None:
    assert choose(flags, out) is chosen


def test_formats_that_make_no_sense() -> None:
    with pytest.raises(DataError, match="--csv and --jsonl: only one of them at a time"):
        choose([Format.csv, Format.jsonl], None)
    with pytest.raises(DataError, match=r"--parquet needs a file: --out FILE\.parquet"):
        choose([Format.parquet], None)
    with pytest.raises(DataError, match=r"a\.json: rows are written as JSON lines, not as one JSON: name it \.jsonl"):
        choose([], Path("a.json"))


def test_text_is_aligned_by_its_first_rows() -> None:
    stream = StringIO()
    writer = Aligned(stream, Shape(False))
    for number in range(HELD):
        assert stream.getvalue() == ""
        writer.add(result(number))
    assert {line.index("a 75.0%") for line in stream.getvalue().splitlines()} == {HELD - 1 + len(".jpg") + 2}
    writer.add(result(HELD + 3))
    assert stream.getvalue().splitlines()[-1] == f"{result(HELD + 3).source}  a 75.0%"
    few = StringIO()
    writer = Aligned(few, Shape(False))
    writer.add(result(3))
    writer.add(Failure("broken", "y.jpg"))
    writer.end()
    assert few.getvalue() == "xxx.jpg  a 75.0%\ny.jpg    error: broken\n"


@pytest.mark.parametrize(
    ("format", "lines"),
    [
        (Format.csv, ["path,label,probability,error", "x.jpg,a,0.75,", "\udcff.jpg,,,broken"]),
        (
            Format.jsonl,
            [
                '{"path": "x.jpg", "label": "a", "probability": 0.75, "sure": true, "error": null}',
                '{"path": "\\udcff.jpg", "error": "broken"}',
            ],
        ),
    ],
)
def test_a_file_has_each_row_at_once(tmp_path: Path, format: Format, lines: list[str]) -> None:
    out = tmp_path / "new" / "out"

    def written() -> list[str]:
        return out.read_text(encoding="utf-8", errors="surrogateescape").split("\n")

    with open_writer(out, format, Shape(False)) as writer:
        writer.add(result(1))
        assert written() == [*lines[:-1], ""]
        writer.add(Failure("broken", "\udcff.jpg"))
        assert written() == [*lines, ""]
    with open_writer(out, format, Shape(False), append=True) as writer:
        writer.add(result(1))
    assert written() == [*lines, lines[-2], ""]


def test_rows_that_are_held_are_written_when_a_run_is_stopped(tmp_path: Path) -> None:
    def stopped() -> None:
        with open_writer(tmp_path / "a.txt", Format.text, Shape(False)) as writer:
            writer.add(result(1))
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        stopped()
    assert (tmp_path / "a.txt").read_text() == "x.jpg  a 75.0%\n"


def test_a_file_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with (
        pytest.raises(DataError, match=r"file/out.csv: cannot be written: "),
        open_writer(tmp_path / "file/out.csv", Format.csv, Shape(False)),
    ):
        raise AssertionError("not reached")
