"""Regions: boxes of a table, cut out of images and classified each on its own."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from graft.core.errors import DataError
from graft.images.regions import Region
from graft.predict.prediction import Failure, Nothing, Prediction
from graft.predict.predictor import Predictor
from graft.predict.regions import RegionTable, find_regions
from tests.apps.serve.colours import COLOURS, colour_bundle


@pytest.fixture
def halves(tmp_path: Path) -> Path:
    """An image of 40 x 20 whose left half is red and whose right half is blue."""
    image = Image.new("RGB", (40, 20), COLOURS["red"])
    image.paste(COLOURS["blue"], (20, 0, 40, 20))
    image.save(tmp_path / "halves.png")
    return tmp_path / "halves.png"


def table(folder: Path, rows: str, header: str = "path,x,y,w,h") -> Path:
    (folder / "boxes.csv").write_text(f"{header}\n{rows}\n")
    return folder / "boxes.csv"


def test_each_box_is_classified_on_its_own(halves: Path) -> None:
    predictor = Predictor(colour_bundle(halves.parent / "bundle"))
    (halves.parent / "torn.png").write_bytes(halves.read_bytes()[:40])
    Image.new("RGB", (9, 9)).save(halves.parent / "other.png")
    boxes = table(halves.parent, "halves.png,22,2,15,15\nhalves.png,0,0,18,20\ntorn.png,0,0,5,5")
    names = [str(halves), str(halves.parent / "other.png"), str(halves.parent / "torn.png")]
    found, nothing, torn = predictor.predict_regions(names, find_regions(str(boxes)))
    assert [(one.label, one.region) for one in found if isinstance(one, Prediction)] == [
        ("blue", Region(22, 2, 15, 15)),
        ("red", Region(0, 0, 18, 20)),
    ]
    assert nothing == [Nothing(names[1])]
    assert isinstance(torn[0], Failure)
    assert len(torn) == 1


def test_a_margin_widens_what_is_classified_as_far_as_the_image_goes(halves: Path) -> None:
    boxes = table(halves.parent, "halves.png,10,5,10,10")
    with Image.open(halves) as image:
        ((region, crop),) = find_regions(str(boxes), margin=1.5)("halves.png", image)
    assert region == Region(10, 5, 10, 10)
    assert crop.size == (35, 20)
    assert np.asarray(crop)[0, -1].tolist() == list(COLOURS["blue"])


def test_what_lies_outside_is_cut_off_or_left_out(halves: Path) -> None:
    boxes = table(halves.parent, "halves.png,-5,-5,10.4,10\nhalves.png,50,0,5,5")
    with Image.open(halves) as image:
        ((region, crop),) = find_regions(str(boxes))("halves.png", image)
    assert region == Region(0, 0, 5, 5)
    assert crop.size == (5, 5)


@pytest.mark.parametrize(
    ("header", "rows", "message"),
    [
        ("path,x,y,w", "a.png,1,2,3", "no column 'h'; it needs path, x, y, w, h and has path, x, y, w"),
        ("path,x,y,w,h", "a.png,1,2,3,wide", "line 2 is no box of numbers: x '1', y '2', w '3', h 'wide'"),
        ("path,x,y,w,h", "a.png,1,2,3", "line 2 is no box of numbers: x '1', y '2', w '3', h None"),
        ("path,x,y,w,h", "a.png,1,2,0,5", "line 2: a box of 0 x 5 pixels holds nothing"),
    ],
)
def test_a_table_that_is_none_is_refused(tmp_path: Path, header: str, rows: str, message: str) -> None:
    with pytest.raises(DataError) as refused:
        RegionTable(table(tmp_path, rows, header))
    assert message in str(refused.value)


def test_an_absent_table_is_named(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"none\.csv: is no table of boxes"):
        find_regions(str(tmp_path / "none.csv"))
