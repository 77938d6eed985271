"""Tables come back as they were written, with nothing guessed."""

import csv
from pathlib import Path

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from graft.core import tables


def test_bytes_are_plain(tmp_path: Path) -> None:
    tables.write(tmp_path / "t.csv", pd.DataFrame({"path": ["ä,b", "c"], "n": [1, 2]}))
    assert (tmp_path / "t.csv").read_bytes() == 'path,n\n"ä,b",1\nc,2\n'.encode()


def test_text_that_looks_like_something_else_stays_text(tmp_path: Path) -> None:
    told = ["NA", "null", "", "007", "1e3", "True", "nan", " x ", '"', "a\nb", "-"]
    tables.write(tmp_path / "t.csv", pd.DataFrame({"path": told, "other": ["x"] * len(told)}))
    assert tables.read(tmp_path / "t.csv")["path"].tolist() == told


def test_an_empty_table_keeps_its_columns(tmp_path: Path) -> None:
    tables.write(tmp_path / "t.csv", pd.DataFrame({"path": [], "reason": []}))
    back = tables.read(tmp_path / "t.csv")
    assert list(back.columns) == ["path", "reason"]
    assert len(back) == 0


@settings(max_examples=40, deadline=None)
@given(
    rows=st.lists(
        st.tuples(st.text("ab ,;\"'\n\tNA0.é", max_size=6), st.text('ab,"\n', max_size=4), st.just("end")), max_size=5
    )
)
def test_any_text_comes_back(rows: list[tuple[str, str, str]], tmp_path_factory: pytest.TempPathFactory) -> None:
    file = tmp_path_factory.getbasetemp() / "any.csv"
    tables.write(file, pd.DataFrame(rows, columns=["a", "b", "c"], dtype=str))
    assert [tuple(row) for row in tables.read(file).to_numpy().tolist()] == rows


def test_a_carriage_return_ends_no_row_for_anybody(tmp_path: Path) -> None:
    table = pd.DataFrame({"path": ["a\r.jpg", ""], "label": ["cat", "dog"], "score": [0.5, 1.0]})
    tables.write(tmp_path / "t.csv", table)
    with (tmp_path / "t.csv").open(newline="") as lines:
        assert list(csv.reader(lines)) == [["path", "label", "score"], ["a\r.jpg", "cat", "0.5"], ["", "dog", "1.0"]]
    assert tables.read(tmp_path / "t.csv")["path"].tolist() == ["a\r.jpg", ""]
