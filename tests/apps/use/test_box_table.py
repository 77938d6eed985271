"""A table of boxes is known by its columns, and what it labels is said before anything is decoded."""

from pathlib import Path

import pytest

from graft.apps.use.autodetect import detect_layout
from graft.apps.use.box_table import find_box_table
from graft.apps.use.plan import plan
from graft.core.errors import DataError
from graft.core.params import check
from graft.index.config import Index, Regions
from graft.split.config import Split
from tests.apps.use.trees import plant

ROWS = """\
label,path,x,y,w,h,score
mask,a.jpg,1,2,30,40,1
bare,a.jpg,50,2,30,40,1
bare,in/b.jpg,0,0,9,9,0.5
,in/b.jpg,5,5,9,9,0.5
mask,gone.jpg,0,0,9,9,1
"""


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """Three images, two of them with boxes, and two tables more."""
    plant(tmp_path, "a.jpg", "in/b.jpg", "in/c.jpg")
    (tmp_path / "about.csv").write_text("path,label\na.jpg,x\n")
    (tmp_path / "boxes.csv").write_text(ROWS)
    (tmp_path / "empty.csv").write_text("")
    return tmp_path


def test_a_table_with_boxes_and_labels_is_taken(root: Path) -> None:
    layout = detect_layout(root)
    assert layout.rule.labels == {"rule": "regions"}
    assert layout.rule.classes == {"mask": 1, "bare": 2}
    assert layout.images == ["a.jpg#30x40+1+2", "a.jpg#30x40+50+2", "in/b.jpg#9x9+0+0", "in/b.jpg#9x9+5+5"]
    assert check("regions", Regions, layout.regions) == Regions(file="boxes.csv")
    assert check("split", Split, layout.split).by == "group"
    assert layout.rule.notes == (
        "each box is a picture of its own, of 2 files; index.regions: null takes files whole",
        "boxes that lead to no file: 1, such as 'gone.jpg#9x9+0+0'",
        "boxes without a label: 1, such as 'in/b.jpg#9x9+5+5', which has an empty label",
    )


def test_the_plan_names_the_table_and_another_source_forgets_it(
    root: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    values, lines = plan(str(root), None, None, {}, True, tmp_path_factory.mktemp("project"))
    assert check("index", Index, values["index"]).regions == Regions(file="boxes.csv")
    assert "labels: the column label of the boxes in boxes.csv, for 3 of 4 pictures" in lines
    (root / "boxes.csv").unlink()
    plant(root, *(f"{kind}/{number}.jpg" for kind in ("cat", "dog") for number in range(4)))
    values, _ = plan(str(root), None, None, {}, True, tmp_path_factory.mktemp("other"))
    assert values["index"]["regions"] is None


def test_a_table_without_boxes_is_none(root: Path) -> None:
    assert find_box_table(root, ["about.csv", "empty.csv", "in/c.jpg"]) is None


def test_a_box_that_is_none_is_named(root: Path) -> None:
    (root / "boxes.csv").write_text(ROWS + "mask,a.jpg,1,2,0,4,1\n")
    with pytest.raises(DataError, match="line 7: a box of 0 x 4 pixels holds nothing"):
        find_box_table(root, ["boxes.csv"])
