"""Verdicts become tables and counts that add up."""

import pandas as pd
import pytest

from graft.errors import DataError
from graft.index.files import Picture, Rejected
from graft.index.labels import Labelled
from graft.index.verdicts import collect, counts, limit


def test_collect_sorts_verdicts_into_two_tables() -> None:
    pictures, rejected = collect([Picture("a", "1", 3, 2, "p"), Rejected("b", "why"), Picture("c", "2", 5, 4, "q")])
    assert pictures.to_dict("list") == {
        "path": ["a", "c"],
        "sha256": ["1", "2"],
        "width": [3, 5],
        "height": [2, 4],
        "pixels": ["p", "q"],
    }
    assert rejected.to_dict("list") == {"path": ["b"], "reason": ["why"]}


def test_collecting_nothing_keeps_the_columns() -> None:
    pictures, rejected = collect([])
    assert list(pictures.columns) == ["path", "sha256", "width", "height", "pixels"]
    assert list(rejected.columns) == ["path", "reason"]
    assert len(pictures) == len(rejected) == 0


def unusable(count: int) -> pd.DataFrame:
    """A table of rejected files."""
    return pd.DataFrame({"path": [f"f{n}" for n in range(count)], "reason": [f"r{n}" for n in range(count)]})


@pytest.mark.parametrize(
    ("rejected", "share", "files"),
    [(0, 0.0, 10), (1, 0.1, 10), (5, 0.5, 10), (10, 1.0, 10), (0, 0.1, 0)],
    ids=["none", "at the limit", "half", "all allowed", "no file"],
)
def test_limit_passes(rejected: int, share: float, files: int) -> None:
    limit(unusable(rejected), share, files)


@pytest.mark.parametrize(("rejected", "share", "files"), [(1, 0.0, 10), (2, 0.1, 10), (10, 0.99, 10)])
def test_limit_stops_with_count_limit_and_reason(rejected: int, share: float, files: int) -> None:
    said = rf"^{rejected} of {files} files cannot be used, over index.max_rejected = {share:g}:\n  f0: r0"
    with pytest.raises(DataError, match=said):
        limit(unusable(rejected), share, files)


def test_limit_shows_the_first_ten() -> None:
    with pytest.raises(DataError) as caught:
        limit(unusable(12), 0.1, 12)
    assert str(caught.value).splitlines()[1:] == [f"  f{n}: r{n}" for n in range(10)]


def test_counts() -> None:
    images = pd.DataFrame({"path": list("abcde"), "duplicate_group": [0, 1, 0, 2, 0]})
    rows = pd.DataFrame({"path": list("abcd"), "label": ["x", "y", "x", "x"]})
    labelled = Labelled(rows, pd.DataFrame({"path": ["e"], "reason": ["none"]}), ["gone", "away"])
    assert counts(images, unusable(3), labelled) == {
        "files": 8,
        "pictures": 5,
        "rejected": 3,
        "labelled": 4,
        "unlabelled": 1,
        "table_rows_without_picture": 2,
        "duplicates": 2,
        "classes": {"x": 3, "y": 1},
    }
