"""Columns are told apart by name and shape, never by how few values they have alone."""

import pandas as pd
import pytest

from graft.apps.use.table_columns import detect_columns, label_list
from graft.core.errors import DataError


def frame(header: str, *columns: str) -> pd.DataFrame:
    """A table of twelve images, its other columns repeated as far as needed."""
    cells = [[f"{n}.png" for n in range(12)], *((column.split() * 12)[:12] for column in columns)]
    return pd.DataFrame(dict(zip(header.split(), cells, strict=True)), dtype=str)


@pytest.mark.parametrize(
    ("header", "columns", "label"),
    [
        ("file sex species", ("m f", "a b c d"), "species"),
        ("file species sex", ("a b c d", "m f"), "species"),
        ("file split label", ("x y", "a b c"), "label"),
        ("file fold class", ("0 1", "a b c"), "class"),
        ("file age dx", ("30 40", "a b c"), "dx"),
        ("file dx_type dx", ("h f", "a b c"), "dx"),
        ("file soort plaats", ("kat hond", "x y z"), "soort"),
        ("file aantal soort", ("1 2", "kat hond beer"), "soort"),
        ("file user_id mood", ("1 2", "a b c"), "mood"),
        ("file xmin ymin xmax ymax class", ("1 2", "3 4", "5 6", "7 8", "a b c"), "class"),
        ("file width height ClassId", ("30 31", "30 31", "0 1 2"), "ClassId"),
        ("file target benign_malignant", ("0 1", "benign malignant"), "benign_malignant"),
        ("file label_id label_name", ("0 1 2", "cat dog cow"), "label_name"),
        ("file annotator choice lead_time", ("1", "a b", "0.1 0.2"), "choice"),
        ("file label species", ("x", "a b"), "species"),  # one value says nothing
        ("file scene", ("a b",), "scene"),
        ("file is_ok", ("0 1",), "is_ok"),
    ],
)
def test_the_label_is_found(header: str, columns: tuple[str, ...], label: str) -> None:
    assert detect_columns(frame(header, *columns), "file").table["label"] == label


def test_without_a_header_the_first_likely_column_is_the_label() -> None:
    rows = frame("column1 column2 column3", "0 1 2", "mono poly")
    found = detect_columns(rows, "column1", header=False)
    assert found.table == {"label": "column2"}
    assert found.notes == [
        "no column is called after a label, so column2 is taken for it by its values; column3 may be, too"
    ]
    assert not found.by_name


@pytest.mark.parametrize(
    ("header", "columns"),
    [("file sex", ("m f",)), ("file size", ("1 2",)), ("file", ()), ("file split", ("train test",))],
)
def test_what_is_no_label_is_not_taken_for_one(header: str, columns: tuple[str, ...]) -> None:
    names = ", ".join(header.split()[1:])
    advice = f": its columns are {names}; if one is, name it in labels.table.label" if names else ""
    with pytest.raises(DataError) as refused:
        detect_columns(frame(header, *columns), "file")
    assert str(refused.value) == f"beside file, no column looks like a label{advice}"


@pytest.mark.parametrize(
    ("header", "columns", "group"),
    [
        ("file label patient", ("a b", "1 1 2 2 3 3 4 4 5 5 6 6"), "patient"),
        ("file label Patient_Age PatientID", ("a b", "30 40 50", "1 1 2 2 3 3 4 4 5 5 6 6"), "PatientID"),
        ("file label site patient", ("a b", "x y z", "1 1 2 2 3 3 4 4 5 5 6 6"), "patient"),
        ("file label lesion_id", ("a b", "1 1 2 2 3 3 4 4 5 5 6 6"), "lesion_id"),
        ("file label original_image_id", ("a b", "1 1 2 2 3 3 4 4 5 5 6 6"), "original_image_id"),
        ("file label patient", ("a b", "1 2 3 4 5 6 7 8 9 10 11 12"), None),
        ("file label label_id", ("a b c", "1 2 3"), None),
        ("file species person", ("a b c", "1 2 3"), None),  # says the same
        ("file label user_id", ("a b", "1 1 2 2 3 3 4 4 5 5 6 6"), None),
        ("file label plot", ("a b", "1 1 2 2 3 3 4 4 5 5 6 6"), None),
    ],
)
def test_groups_are_found(header: str, columns: tuple[str, ...], group: str | None) -> None:
    assert detect_columns(frame(header, *columns), "file").table.get("group") == group


def test_an_identifier_that_repeats_and_is_no_group_is_told() -> None:
    found = detect_columns(frame("file label user_id", "a b", "1 1 2 2 3 3 4 4"), "file")
    assert found.notes == [
        "warning: the column user_id repeats 4 values: if their pictures belong together, "
        "set labels.table.group: user_id and split.by: group"
    ]


def test_too_few_groups_are_told() -> None:
    found = detect_columns(frame("file label site", "a b", "x x x y y y"), "file")
    assert "group" not in found.table
    assert found.notes == ["the column site has only 2 values, too few to divide by: each is in every split"]


@pytest.mark.parametrize(
    ("header", "values", "names"),
    [
        ("split", "train val test", {}),
        ("Set", "Train Valid Test", {}),
        ("dataset", "train test", {}),
        ("subset", "training validation", {}),
        ("is_valid", "True False", {"True": "valid", "False": "train"}),
        ("is_test", "0 1", {"0": "train", "1": "test"}),
        ("is_training_image", "1 0", {"1": "train", "0": "test"}),
        ("Usage", "Training PublicTest PrivateTest", {"PublicTest": "test", "PrivateTest": "test"}),
    ],
)
def test_a_column_of_the_official_split(header: str, values: str, names: dict[str, str]) -> None:
    table = detect_columns(frame(f"file label {header}", "a b c d", values), "file").table
    assert table["list_column"] == header
    assert table.get("list_map", {}) == names


def test_folds_are_no_split_and_told() -> None:
    found = detect_columns(frame("file label fold", "a b", "0 1 2 3"), "file")
    assert found.table == {"label": "label"}
    assert found.notes == ["the column fold has the values 0, 1, 2, 3, which name no splits: not used"]


@pytest.mark.parametrize(
    ("header", "columns", "ones", "separator"),
    [
        ("file cat dog cow", ("1 0 0", "0 1 0", "0 0 1"), ["cat", "dog", "cow"], None),
        ("file cat dog", ("1.0 0.0", "0.0 1.0"), ["cat", "dog"], None),
        ("file class_a class_b class_c", ("1 0 0", "0 1 0", "0 0 1"), ["class_a", "class_b", "class_c"], None),
        ("file healthy disease", ("1 0", "0 1"), ["healthy", "disease"], None),
        ("file cat dog", ("1 0 1", "0 1 1"), ["cat", "dog"], "|"),
        ("file smile hat", ("-1 1", "1 1 -1"), ["smile", "hat"], "|"),
        ("file sex cat dog", ("0 1", "1 0", "0 1"), ["cat", "dog"], None),
        ("file cat dog frames", ("yes no", "no yes", "1"), ["cat", "dog"], None),
    ],
)
def test_one_hot_columns(header: str, columns: tuple[str, ...], ones: list[str], separator: str | None) -> None:
    found = detect_columns(frame(header, *columns), "file")
    assert found.table == {"one_hot": ones}
    assert found.separator == separator
    assert found.by_name


def test_minus_one_beside_nought_is_told() -> None:
    found = detect_columns(frame("file mass fluid", "1 0 -1", "0 1 1"), "file")
    assert found.table == {"one_hot": ["mass", "fluid"]}
    assert found.notes == ["warning: its columns hold -1 beside 0 and 1; -1, uncertain perhaps, is read as 0"]


def test_one_column_of_ones_and_noughts_is_the_label() -> None:
    assert detect_columns(frame("file deleted malignant", "0", "0 0 0 1"), "file").table["label"] == "malignant"


def test_a_column_called_label_goes_before_flags() -> None:
    assert detect_columns(frame("file hairy blurred label", "0 1", "1 1 0", "0 0 1"), "file").table["label"] == "label"


@pytest.mark.parametrize(
    ("cells", "separator", "strip"),
    [
        ("a|b;a;b", "|", None),
        ("a,b;a;b", ",", None),
        ("a,b,;a,;b", ",", None),
        ("a, b;a;b", ",", None),
        ("car person;car;person;dog;car dog person", " ", None),
        (
            "haze primary;agriculture primary;primary haze road;clear primary;primary agriculture haze;primary clear;"
            "haze road primary clear;primary road;clear;haze",
            " ",
            None,
        ),
        ("['a', 'b'];['a'];['c']", ",", "[]{}()'\""),
        ("['a'];['b']", None, "[]{}()'\""),
        ("a;b;c", None, None),
        ("bread, white;bread, brown", None, None),
        ("a|1;b|2", None, None),
        ("cat;dog;big cat", None, None),
        ("red car;blue car;red bus;blue bus", None, None),
        ("golden retriever;pug;labrador retriever", None, None),
        ("", None, None),
    ],
)
def test_lists_in_cells(cells: str, separator: str | None, strip: str | None) -> None:
    assert label_list(cells.split(";")) == (separator, strip)
