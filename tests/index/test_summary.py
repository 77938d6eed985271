"""Verdicts become tables and counts that add up."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from graft.core.errors import DataError
from graft.index.config import Index
from graft.index.duplicates import Duplicates
from graft.index.fingerprints import Album, look
from graft.index.scan import ImageFile, Kind, Rejected
from graft.index.summary import COLUMNS, Found, by_class, counts, limit
from graft.labels.rules import Labelled


def image(path: str) -> ImageFile:
    """A verdict on a picture of no interest."""
    image = Image.new("RGB", (3, 2))
    return ImageFile(path, f"sha of {path}", 9, 3, 2, "PNG", "RGB", "", "", look(image))


def test_verdicts_are_gathered_into_two_tables(tmp_path: Path) -> None:
    found = Found(Album(tmp_path / "looks"))
    found.collect([image("a"), Rejected("b", "bad", "why"), image("c")])
    images, rejected = found.tables()
    assert images["path"].tolist() == ["a", "c"]
    assert images["sha256"].tolist() == ["sha of a", "sha of c"]
    assert images["width"].tolist() == [3, 3]
    assert rejected.to_dict("list") == {"path": ["b"], "kind": ["bad"], "reason": ["why"]}


def test_gathering_nothing_keeps_the_columns(tmp_path: Path) -> None:
    images, rejected = Found(Album(tmp_path / "looks")).tables()
    assert tuple(images.columns) == COLUMNS
    assert list(rejected.columns) == ["path", "kind", "reason"]
    assert len(images) == len(rejected) == 0


def unusable(count: int, kind: Kind = "bad") -> pd.DataFrame:
    """A table of rejected files."""
    rows = {"path": [f"f{n}" for n in range(count)], "kind": [kind] * count, "reason": [f"r{n}" for n in range(count)]}
    return pd.DataFrame(rows, dtype=str)


@pytest.mark.parametrize(
    ("bad", "images", "share"),
    [(0, 10, 0.0), (1, 9, 0.1), (5, 5, 0.5), (10, 0, 1.0), (0, 0, 0.1)],
    ids=["none", "at the limit", "half", "all allowed", "no file"],
)
def test_limit_passes(bad: int, images: int, share: float) -> None:
    limit(unusable(bad), images, Index(max_bad=share))


@pytest.mark.parametrize(("bad", "images", "share"), [(1, 9, 0.0), (2, 8, 0.1), (10, 0, 0.99)])
def test_limit_stops_with_count_limit_and_reason(bad: int, images: int, share: float) -> None:
    said = rf"^{bad} of {bad + images} pictures cannot be used, over index.max_bad = {share:g}:\n  f0: r0"
    with pytest.raises(DataError, match=said):
        limit(unusable(bad), images, Index(max_bad=share))


def test_one_bad_file_is_enough_where_none_may_be_skipped() -> None:
    with pytest.raises(DataError, match=r"^1 of 100 pictures cannot be used, index.on_bad is 'fail':\n  f0: r0$"):
        limit(unusable(1), 99, Index(on_bad="fail"))


def test_files_that_lie_aside_do_not_count() -> None:
    limit(unusable(50, "aside"), 1, Index(on_bad="fail", max_bad=0.0))


def test_limit_shows_the_first_ten() -> None:
    with pytest.raises(DataError) as caught:
        limit(unusable(12), 0, Index())
    assert str(caught.value).splitlines()[1:] == [*(f"  f{n}: r{n}" for n in range(10)), "  and 2 more"]


@pytest.mark.parametrize(("share", "said"), [(-0.1, "greater than or equal to 0"), (1.1, "less than or equal to 1")])
def test_a_share_lies_between_nothing_and_all(share: float, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        Index(max_bad=share)


def test_counts_add_up() -> None:
    images = pd.DataFrame({"path": list("abcde"), "duplicate_group": [0, 1, 0, 2, 0]})
    rows = pd.DataFrame({"path": list("abcd"), "label": ["x", "y", "x", "x"]})
    labelled = Labelled(rows, pd.DataFrame({"path": ["e"], "reason": ["none"]}), ["gone", "away"])
    conflicts = pd.DataFrame({"duplicate_group": [0, 0, 0], "path": list("ace"), "label": list("xyx")})
    rejected = pd.concat([unusable(3), unusable(4, "aside")])
    copies = Duplicates(np.array([0, 1, 0, 2, 0]), exact=1, near=1, skipped=7)
    assert counts(images, rejected, labelled, copies, conflicts) == {
        "files": 12,
        "images": 5,
        "bad": 3,
        "aside": 4,
        "labelled": 4,
        "unlabelled": 1,
        "table_rows_without_picture": 2,
        "duplicates": {"exact": 1, "near": 1, "comparisons_skipped": 7},
        "conflicting_duplicate_groups": 1,
        "classes": {"x": 3, "y": 1},
    }


def test_an_image_of_several_classes_counts_in_each() -> None:
    found = by_class(pd.DataFrame({"path": ["a", "b", "c"], "labels": ["x|y", "", "y"]}))
    assert list(found.items()) == [("a", "x"), ("a", "y"), ("c", "y")]
