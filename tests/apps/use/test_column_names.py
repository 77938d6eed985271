"""Names of columns say what they hold, in whatever way they are written."""

import pytest

from graft.apps.use.column_names import column_words, group_rank, is_id, is_known, label_rank


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("ClassId", "class id"),
        ("classid", "class id"),
        ("class_id", "class id"),
        ("CLASS-ID", "class id"),
        ("Image.Name", "image name"),
        ("filename", "filename"),
        ("imagepath", "image path"),
        ("Finding Labels", "finding labels"),
        ("Roi.X1", "roi x 1"),
        ("is_valid", "is valid"),
        ("patients", "patient"),
        ("PatientID", "patient id"),
        ("Käse", "käse"),
        ("Follow-up #", "follow up"),
    ],
)
def test_words_of_a_name(name: str, said: str) -> None:
    assert column_words(name) == said.split()


def test_labels_are_ranked_by_what_else_their_name_says() -> None:
    names = ["dx_type", "breed", "label_name", "dx", "class", "ClassId", "label"]
    ranks = {name: rank for name in names if (rank := label_rank(name)) is not None}
    assert sorted(names, key=ranks.__getitem__) == ["label", "class", "dx", "breed", "label_name", "ClassId", "dx_type"]


@pytest.mark.parametrize(
    "name",
    ["sex", "age", "split", "is_valid", "user_id", "class_confidence", "label_source", "created_at", "xmin", "ID"],
)
def test_what_is_no_label(name: str) -> None:
    assert label_rank(name) is None


@pytest.mark.parametrize(
    ("name", "group"),
    [
        ("patient", True),
        ("Patient ID", True),
        ("lesion_id", True),
        ("site2", True),
        ("VideoName", True),
        ("Patient Age", False),
        ("Patient Gender", False),
        ("label", False),
        ("annotator_id", False),
    ],
)
def test_names_of_groups(name: str, group: bool) -> None:
    assert (group_rank(name) is not None) == group


def test_identifiers_of_what_may_repeat() -> None:
    assert [name for name in ("Plot.Id", "plot", "user_id", "barcode", "serial number") if is_id(name)] == [
        "Plot.Id",
        "serial number",
    ]


def test_cells_that_are_no_names() -> None:
    assert [name for name in ("label", "Image", "adelie", "0001", "a.png", "xmin") if is_known(name)] == [
        "label",
        "Image",
        "xmin",
    ]
