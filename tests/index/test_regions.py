"""Each box is a row of the index or rejected with a reason, labelled by its table, and tied to its image's others."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from graft.core.errors import DataError
from graft.index.config import Index
from graft.index.fingerprints import fingerprint
from graft.index.regions import Boxes, tied_by_image
from graft.index.scan import ImageFile, Rejected, scan
from graft.labels.corrections import COLUMNS, Corrections
from graft.labels.rules import Labels, apply_rule

NONE = Corrections(pd.DataFrame(columns=COLUMNS, dtype=str), "none")
ROWS = """\
path,x,y,w,h,label
in/one.png,0,0,10,10,red
in/one.png,20,5,10.4,10,blue
in/one.png,0,0,10,10,red
in/one.png,-5,10,10,40,blue
in/one.png,40,0,5,5,red
IN\\TWO.PNG,0,0,20,20,
gone.png,1,1,2,2,red
"""


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """Two images with boxes and one without, a damaged one, and the table."""
    (tmp_path / "in").mkdir()
    pixels = np.random.default_rng(0).integers(0, 256, (30, 40, 3), dtype=np.uint8)
    Image.fromarray(pixels).save(tmp_path / "in/one.png")
    Image.fromarray(pixels[:20, :20]).save(tmp_path / "in/two.png")
    Image.fromarray(pixels).save(tmp_path / "in/three.png")
    (tmp_path / "in/torn.png").write_bytes((tmp_path / "in/one.png").read_bytes()[:99])
    (tmp_path / "boxes.csv").write_text(ROWS)
    return tmp_path


def index(margin: float = 0.0, file: str = "boxes.csv") -> Index:
    return Index.model_validate({"regions": {"file": file, "margin": margin}})


def scanned(root: Path, config: Index) -> tuple[dict[str, ImageFile], dict[str, Rejected]]:
    results = list(scan(root, config, Boxes.read(root, config)))
    assert len({result.path for result in results}) == len(results)
    images = {result.path: result for result in results if isinstance(result, ImageFile)}
    return images, {result.path: result for result in results if isinstance(result, Rejected)}


def test_every_box_is_a_row_or_rejected_and_so_is_every_file(root: Path) -> None:
    images, rejected = scanned(root, index())
    sizes = {path: (image.width, image.height, image.note) for path, image in images.items()}
    assert sizes == {
        "in/one.png#10x10+0+0": (10, 10, ""),
        "in/one.png#10x10+20+5": (10, 10, ""),
        "in/one.png#10x40-5+10": (5, 20, "its box goes beyond the picture, and is cut off there"),
        "in/two.png#20x20+0+0": (20, 20, ""),
    }
    assert {path: (one.kind, one.reason) for path, one in rejected.items() if path != "in/torn.png"} == {
        "in/one.png#5x5+40+0": ("bad", "lies outside the picture of 40 x 30"),
        "gone.png#2x2+1+1": ("bad", "boxes.csv names it, and no such file is there"),
        "in/three.png": ("other", "has no box in boxes.csv"),
        "boxes.csv": ("other", "no picture, by its name (.csv) and its content"),
    }
    assert rejected["in/torn.png"].kind == "bad"


def test_fingerprints_are_of_the_box(root: Path) -> None:
    images, _ = scanned(root, index())
    with Image.open(root / "in/one.png") as image:
        own = fingerprint(image.crop((20, 5, 30, 15)))
    assert images["in/one.png#10x10+20+5"].fingerprint.pixels == own.pixels
    assert len({image.fingerprint.pixels for image in images.values()}) == 4


def test_a_margin_widens_the_box_that_is_named(root: Path) -> None:
    images, _ = scanned(root, index(margin=0.5))
    widened = images["in/one.png#20x20+15+0"]
    assert (widened.width, widened.height, widened.note) == (20, 20, "")
    cut = images["in/one.png#20x20-5-5"]  # only by its margin, which is no fault of the box
    assert (cut.width, cut.height, cut.note) == (15, 15, "")


def test_labels_are_those_of_the_table_and_groups_the_images(root: Path) -> None:
    boxes = Boxes.read(root, index())
    images, _ = scanned(root, index())
    labelled = apply_rule(Labels(rule="regions"), root, list(images), NONE, boxes.labels)
    assert labelled.rows[["path", "label", "group"]].to_numpy().tolist() == [
        ["in/one.png#10x10+0+0", "red", "in/one.png"],
        ["in/one.png#10x10+20+5", "blue", "in/one.png"],
        ["in/one.png#10x40-5+10", "blue", "in/one.png"],
    ]
    assert labelled.unlabelled.to_numpy().tolist() == [["in/two.png#20x20+0+0", "has an empty label"]]


def test_two_labels_of_one_box_are_none(root: Path) -> None:
    (root / "boxes.csv").write_text(ROWS + "in/one.png,0,0,10,10,blue\nin/two.png,1,1,5,5,red\n")
    images, _ = scanned(root, index())
    labelled = apply_rule(Labels(rule="regions"), root, list(images), NONE, Boxes.read(root, index()).labels)
    reasons = dict(labelled.unlabelled.to_numpy().tolist())
    assert reasons["in/one.png#10x10+0+0"] == "has 3 rows, as 'blue' and as 'red'"


def test_other_rules_read_the_path_of_the_image(root: Path) -> None:
    paths = ["in/cat_1.png#3x4+0+0", "in/cat_1.png#3x4+9+0", "out/dog_2.png#3x4+0+0", "out/dog_3.png"]
    regex = Labels(rule="regex", pattern=r"(?P<label>[a-z]+)_\d+\.png$")
    for rule, labels in ((regex, ["cat", "cat", "dog", "dog"]), (Labels(rule="folder"), ["in", "in", "out", "out"])):
        rows = apply_rule(rule, root, paths, NONE).rows
        assert rows["label"].tolist() == labels
        assert rows["group"].tolist() == ["in/cat_1.png", "in/cat_1.png", "out/dog_2.png", ""]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("path,x,y,w,h\n", "no row of boxes.csv leads to a file of the source, for it has none"),
        ("path,x,y,w,h\nno.png,0,0,1,1\n", "no row of boxes.csv leads to a file of the source: 'no.png' of the first"),
        ("path,x,y,w\nin/one.png,0,0,1\n", "no column 'h'"),
        ("path,x,y,w,h\nin/one.png,0,0,1,0\n", "line 2: a box of 1 x 0 pixels holds nothing"),
    ],
    ids=["empty", "astray", "no column", "empty box"],
)
def test_a_table_that_cannot_be_used_is_refused(root: Path, text: str, message: str) -> None:
    (root / "boxes.csv").write_text(text)
    with pytest.raises(DataError, match=message):
        Boxes.read(root, index())


def test_a_table_without_labels_labels_nothing(root: Path) -> None:
    (root / "boxes.csv").write_text("path,x,y,w,h\nin/one.png,0,0,9,9\n")
    boxes = Boxes.read(root, index())
    with pytest.raises(DataError, match=r"there is no table of index.regions with a column 'label'"):
        apply_rule(Labels(rule="regions"), root, ["in/one.png#9x9+0+0"], NONE, boxes.labels)


def test_regions_of_an_image_are_tied_and_so_are_images_with_a_common_copy() -> None:
    paths = ["a#1x1+0+0", "a#1x1+5+0", "b#1x1+0+0", "b#1x1+5+0", "c", "d", "e"]
    assert tied_by_image(np.asarray([0, 1, 1, 2, 3, 4, 4]), paths).tolist() == [0, 0, 0, 0, 1, 2, 2]
    copies = np.asarray([0, 1, 0])
    assert tied_by_image(copies, ["a", "b", "c"]) is copies
