"""A prediction as cells, as JSON, and as text."""

import csv
import json
from io import StringIO

import pytest

from graft.apps.predict.rows import RowSchema, csv_line, json_line, number, printable
from graft.images.regions import Region
from graft.predict.prediction import Failure, Nothing, Prediction

PROBABILITIES = {"cat": 0.125, "dog": 0.8125, "cow": 0.0625}
SURE = Prediction("dog", ("dog",), 0.8125, PROBABILITIES, True, "a.jpg")
UNSURE = Prediction(None, (), 0.8125, PROBABILITIES, False, "b.jpg")
BAD = Failure("no picture", "c.jpg")
SEVERAL = Prediction("dog", ("cat", "dog"), 0.8125, PROBABILITIES, True, "d.jpg")
FACE = Prediction("dog", ("dog",), 0.8125, PROBABILITIES, True, "f.jpg", Region(3, 4, 50, 60, 0.9))
NONE = Prediction("dog", (), 0.8125, PROBABILITIES, True, "e.jpg")


def test_cells() -> None:
    plain, top = RowSchema(False), RowSchema(False, 2)
    assert plain.columns() == ["path", "label", "probability", "error"]
    assert plain.cells(SURE) == ["a.jpg", "dog", "0.8125", ""]
    assert plain.cells(UNSURE) == ["b.jpg", "", "0.8125", ""]
    assert plain.cells(BAD) == ["c.jpg", "", "", "no picture"]
    assert top.columns() == [
        "path",
        "label",
        "probability",
        "top_1",
        "probability_1",
        "top_2",
        "probability_2",
        "error",
    ]
    assert top.cells(UNSURE) == ["b.jpg", "", "0.8125", "dog", "0.8125", "cat", "0.125", ""]
    assert top.cells(BAD) == ["c.jpg", *[""] * 6, "no picture"]


def test_cells_of_several_labels() -> None:
    schema = RowSchema(True, 1)
    assert schema.columns() == ["path", "labels", "probabilities", "top_1", "probability_1", "error"]
    assert schema.cells(SEVERAL) == ["d.jpg", "cat|dog", "0.125|0.8125", "dog", "0.8125", ""]
    assert schema.cells(NONE) == ["e.jpg", "", "", "dog", "0.8125", ""]


def test_records() -> None:
    dog, cat = {"label": "dog", "probability": 0.8125}, {"label": "cat", "probability": 0.125}
    assert RowSchema(False).record(SURE) == {"path": "a.jpg", **dog, "sure": True, "error": None}
    assert RowSchema(False, 2).record(UNSURE) == {
        "path": "b.jpg",
        "label": None,
        "probability": 0.8125,
        "sure": False,
        "top": [dog, cat],
        "error": None,
    }
    assert RowSchema(True).record(SEVERAL) == {"path": "d.jpg", "labels": [cat, dog], "error": None}
    assert RowSchema(True).record(BAD) == {"path": "c.jpg", "error": "no picture"}


@pytest.mark.parametrize(
    ("schema", "result", "text"),
    [
        (RowSchema(False), SURE, "dog 81.2%"),
        (RowSchema(False, 2), SURE, "dog 81.2%, cat 12.5%"),
        (RowSchema(False), UNSURE, "not sure (dog 81.2%)"),
        (RowSchema(False, 2), UNSURE, "not sure (dog 81.2%, cat 12.5%)"),
        (RowSchema(False), BAD, "error: no picture"),
        (RowSchema(True), SEVERAL, "cat 12.5%, dog 81.2%"),
        (RowSchema(True), NONE, "no class"),
    ],
)
def test_text(schema: RowSchema, result: Prediction | Failure, text: str) -> None:
    assert schema.text(result) == text


@pytest.mark.parametrize("name", ["ü, 'ä'.jpg", 'a "b".jpg', "a\nb.jpg", "a\rb.jpg", "\udcff.jpg", ""])
def test_names_survive(name: str) -> None:
    line = csv_line([name, "x"])
    assert line.endswith("\n")
    assert next(csv.reader(StringIO(line, newline=""))) == [name, "x"]
    line = json_line({"path": name})
    assert line.index("\n") == len(line) - 1
    assert json.loads(line) == {"path": name}


def test_json_is_unicode_where_it_can_be() -> None:
    assert json_line({"path": "ü"}) == '{"path": "ü"}\n'
    assert json_line({"path": "ü\udcff"}) == '{"path": "ü\\udcff"}\n'


def test_digits() -> None:
    assert [number(value) for value in (1.0, 0.123456789, 1.23456789e-9)] == ["1", "0.123457", "1.23457e-09"]


def test_a_name_cannot_command_a_terminal() -> None:
    assert printable("ü\x1b[31m\n\udcff") == "ü\\u001b[31m\\u000a\\udcff"


def test_regions_have_their_box_and_an_image_without_one_its_path() -> None:
    schema = RowSchema(False, regions=True)
    assert schema.columns() == ["path", "x", "y", "w", "h", "label", "probability", "error"]
    assert schema.cells(FACE) == ["f.jpg", "3", "4", "50", "60", "dog", "0.8125", ""]
    assert schema.cells(Nothing("g.jpg")) == ["g.jpg", *[""] * 7]
    assert schema.cells(BAD) == ["c.jpg", *[""] * 6, "no picture"]
    box = {"x": 3, "y": 4, "w": 50, "h": 60}
    assert schema.record(FACE) == {"path": "f.jpg", **box, "label": "dog", "probability": 0.8125} | {
        "sure": True,
        "error": None,
    }
    assert schema.record(Nothing("g.jpg")) == {"path": "g.jpg", "error": None}
    assert schema.text(FACE) == "dog 81.2% at x 3 y 4 w 50 h 60"
    assert schema.text(Nothing("g.jpg")) == "nothing found"
