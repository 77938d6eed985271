"""Parquet comes in groups, whole or not at all."""

import sys
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from graft.apps.predict.rows import Shape
from graft.apps.predict.writers import Format, open_parquet, open_writer
from graft.core.errors import DataError
from graft.predict.prediction import Failure, Prediction

GOOD = Prediction("a", ("a",), 0.75, {"a": 0.75, "b": 0.25}, True, "x.jpg")
UNSURE = Prediction(None, (), 0.75, {"a": 0.75, "b": 0.25}, False, "y.jpg")
BAD = Failure("broken \udcfe", "\udcff.jpg")


def test_rows_and_groups(tmp_path: Path) -> None:
    out = tmp_path / "a.parquet"
    with open_parquet(out, Shape(False, 2), group=2) as writer:
        for result in (GOOD, UNSURE, BAD):
            writer.add(result)
            assert not out.exists()
    top = [{"label": "a", "probability": 0.75}, {"label": "b", "probability": 0.25}]
    assert pq.read_table(out).to_pylist() == [
        {"path": "x.jpg", "label": "a", "probability": 0.75, "sure": True, "top": top, "error": None},
        {"path": "y.jpg", "label": None, "probability": 0.75, "sure": False, "top": top, "error": None},
        {"path": "\\xff.jpg", "label": None, "probability": None, "sure": None, "top": None, "error": "broken \\xfe"},
    ]
    assert pq.ParquetFile(out).num_row_groups == 2


def test_several_labels_are_a_list(tmp_path: Path) -> None:
    out = tmp_path / "a.parquet"
    with open_writer(out, Format.parquet, Shape(True)) as writer:
        writer.add(GOOD)
    assert pq.read_table(out).to_pylist() == [
        {"path": "x.jpg", "labels": [{"label": "a", "probability": 0.75}], "error": None}
    ]


def test_a_stopped_run_leaves_nothing_and_spares_what_was_there(tmp_path: Path) -> None:
    out = tmp_path / "a.parquet"
    out.write_bytes(b"before")

    def stopped() -> None:
        with open_parquet(out, Shape(False)) as writer:
            writer.add(GOOD)
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        stopped()
    assert [file.name for file in tmp_path.iterdir()] == ["a.parquet"]
    assert out.read_bytes() == b"before"


def test_without_pyarrow_the_extra_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pyarrow.parquet", None)
    with (
        pytest.raises(DataError, match=r"parquet needs pyarrow: `pip install '\.\[parquet\]'` in graft's folder"),
        open_writer(tmp_path / "a.parquet", Format.parquet, Shape(False)),
    ):
        raise AssertionError("not reached")
