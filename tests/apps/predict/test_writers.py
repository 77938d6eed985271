"""Rows are written as they come, and whole; of parquet in groups, all or none."""

import re
import sys
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from graft.apps.predict import writers
from graft.apps.predict.rows import RowSchema
from graft.apps.predict.writers import ALIGNED_BY, Format, choose_format, open_writer
from graft.core.errors import DataError, install
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
    assert choose_format(flags, out) is chosen


def test_formats_that_make_no_sense() -> None:
    with pytest.raises(DataError, match="--csv and --jsonl: only one of them at a time"):
        choose_format([Format.csv, Format.jsonl], None)
    with pytest.raises(DataError, match=r"--parquet needs a file: --out FILE\.parquet"):
        choose_format([Format.parquet], None)
    with pytest.raises(DataError, match=r"a\.json: rows are written as JSON lines, not as one JSON: name it \.jsonl"):
        choose_format([], Path("a.json"))


def test_text_is_aligned_by_its_first_rows(tmp_path: Path) -> None:
    out = tmp_path / "out.txt"
    with open_writer(out, Format.text, RowSchema(False)) as writer:
        for number in range(ALIGNED_BY):
            assert out.read_text() == ""
            writer.add(result(number))
        assert {line.index("a 75.0%") for line in out.read_text().splitlines()} == {ALIGNED_BY - 1 + len(".jpg") + 2}
        writer.add(result(ALIGNED_BY + 3))
        assert out.read_text().splitlines()[-1] == f"{result(ALIGNED_BY + 3).source}  a 75.0%"
    with open_writer(out, Format.text, RowSchema(False)) as writer:
        writer.add(result(3))
        writer.add(Failure("broken", "y.jpg"))
    assert out.read_text() == "xxx.jpg  a 75.0%\ny.jpg    error: broken\n"


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

    with open_writer(out, format, RowSchema(False)) as writer:
        writer.add(result(1))
        assert written() == [*lines[:-1], ""]
        writer.add(Failure("broken", "\udcff.jpg"))
        assert written() == [*lines, ""]
    with open_writer(out, format, RowSchema(False), append=True) as writer:
        writer.add(result(1))
    assert written() == [*lines, lines[-2], ""]


def test_rows_that_are_held_are_written_when_a_run_is_stopped(tmp_path: Path) -> None:
    def stopped() -> None:
        with open_writer(tmp_path / "a.txt", Format.text, RowSchema(False)) as writer:
            writer.add(result(1))
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        stopped()
    assert (tmp_path / "a.txt").read_text() == "x.jpg  a 75.0%\n"


def test_a_file_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with (
        pytest.raises(DataError, match=r"file/out.csv: cannot be written: "),
        open_writer(tmp_path / "file/out.csv", Format.csv, RowSchema(False)),
    ):
        raise AssertionError("not reached")


SURE = Prediction("a", ("a",), 0.75, {"a": 0.75, "b": 0.25}, True, "x.jpg")
UNSURE = Prediction(None, (), 0.75, {"a": 0.75, "b": 0.25}, False, "y.jpg")
BAD = Failure("broken \udcfe", "\udcff.jpg")


def test_parquet_in_groups(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(writers, "GROUP", 2)
    out = tmp_path / "a.parquet"
    with open_writer(out, Format.parquet, RowSchema(False, 2)) as writer:
        for each in (SURE, UNSURE, BAD):
            writer.add(each)
            assert not out.exists()
    top = [{"label": "a", "probability": 0.75}, {"label": "b", "probability": 0.25}]
    assert pq.read_table(out).to_pylist() == [
        {"path": "x.jpg", "label": "a", "probability": 0.75, "sure": True, "top": top, "error": None},
        {"path": "y.jpg", "label": None, "probability": 0.75, "sure": False, "top": top, "error": None},
        {"path": "\\xff.jpg", "label": None, "probability": None, "sure": None, "top": None, "error": "broken \\xfe"},
    ]
    assert pq.ParquetFile(out).num_row_groups == 2


def test_several_labels_are_a_list_in_parquet(tmp_path: Path) -> None:
    out = tmp_path / "a.parquet"
    with open_writer(out, Format.parquet, RowSchema(True)) as writer:
        writer.add(SURE)
    assert pq.read_table(out).to_pylist() == [
        {"path": "x.jpg", "labels": [{"label": "a", "probability": 0.75}], "error": None}
    ]


def test_a_stopped_run_leaves_no_parquet_and_spares_what_was_there(tmp_path: Path) -> None:
    out = tmp_path / "a.parquet"
    out.write_bytes(b"before")

    def stopped() -> None:
        with open_writer(out, Format.parquet, RowSchema(False)) as writer:
            writer.add(SURE)
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        stopped()
    assert [file.name for file in tmp_path.iterdir()] == ["a.parquet"]
    assert out.read_bytes() == b"before"


def test_without_pyarrow_the_extra_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pyarrow.parquet", None)
    with (
        pytest.raises(DataError, match=re.escape(f"parquet needs pyarrow: {install('parquet')}")),
        open_writer(tmp_path / "a.parquet", Format.parquet, RowSchema(False)),
    ):
        raise AssertionError("not reached")
