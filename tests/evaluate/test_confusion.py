"""Mistakes are counted by pair, and the matrix as a table adds up."""

from pathlib import Path

import numpy as np

from graft.core import tables
from graft.evaluate.confusion import counted, most_confused, save_confused

CLASSES = ["cat", "dog", "owl", "ape"]
TARGETS = np.array([0, 0, 0, 0, 1, 1, 2, 2, 2])
PREDICTED = np.array([0, 1, 1, 2, 1, 0, 0, 0, 2])


def test_pairs_by_hand() -> None:
    assert most_confused(PREDICTED, TARGETS, CLASSES) == [
        ("cat", "dog", 2),
        ("owl", "cat", 2),
        ("cat", "owl", 1),
        ("dog", "cat", 1),
    ]
    assert most_confused(TARGETS, TARGETS, CLASSES) == []


def test_pairs_that_are_never_confused_are_no_mistakes() -> None:
    assert len(most_confused(PREDICTED, TARGETS, CLASSES)) == 4


def test_the_matrix_as_a_table() -> None:
    table = counted(PREDICTED, TARGETS, CLASSES)
    told = table.assign(share=table["share"].map("{:.6g}".format))
    assert told.to_numpy().tolist() == [
        ["cat", "cat", 1, "0.25"],
        ["cat", "dog", 2, "0.5"],
        ["cat", "owl", 1, "0.25"],
        ["dog", "cat", 1, "0.5"],
        ["dog", "dog", 1, "0.5"],
        ["owl", "cat", 2, "0.666667"],
        ["owl", "owl", 1, "0.333333"],
        ["ape", "ape", 0, "nan"],
    ]
    assert table["images"].sum() == len(TARGETS)


def test_tables_are_written_the_same_bytes_each_time(tmp_path: Path) -> None:
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        pairs = save_confused(tmp_path / name, PREDICTED, TARGETS, CLASSES)
        assert pairs == most_confused(PREDICTED, TARGETS, CLASSES)
    for name in ("confused.csv", "confusion.csv"):
        assert (tmp_path / "one" / name).read_bytes() == (tmp_path / "two" / name).read_bytes()
    assert (tmp_path / "one" / "confused.csv").read_text() == (
        "actual,predicted,pictures\ncat,dog,2\nowl,cat,2\ncat,owl,1\ndog,cat,1\n"
    )
    assert tables.read(tmp_path / "one" / "confusion.csv").iloc[-1].tolist() == ["ape", "ape", "0", ""]


def test_without_mistakes_the_table_has_only_its_header(tmp_path: Path) -> None:
    save_confused(tmp_path, TARGETS, TARGETS, CLASSES)
    assert (tmp_path / "confused.csv").read_text() == "actual,predicted,pictures\n"
