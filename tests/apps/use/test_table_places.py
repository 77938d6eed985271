"""Values of a column lead to images wherever these lie, by as few templates as do."""

import pytest

from graft.apps.use.table_places import MOST, Places


def where(images: str, values: str, folder: str = ".", table: str = "labels.csv") -> tuple[list[str], list[str]]:
    """Templates, and folders left out, for names apart by white space."""
    return Places(images.split()).where(values.split(), folder, table)


@pytest.mark.parametrize(
    ("images", "values", "templates"),
    [
        ("a.png b.png", "a.png b.png", ["{path}"]),
        ("x/a.png x/b.png", "a b", ["x/{path}.png"]),
        ("x/a.png x/b.png", "A.PNG b.PNG", ["x/{path}"]),
        ("x/a.tif x/b.tif", "a.png b.png", ["x/{path}"]),
        ("x/y/a.png x/y/b.png", "y/a y/b", ["x/{path}.png"]),
        ("x/a.png x/b.png", "C:\\z\\x\\a.png C:\\z\\x\\b.png", ["{path}"]),
        ("x/a.png x/b.png", "/data/1/a.png /data/2/b.png", ["x/{path}"]),
        ("x/a.png x/b.jpg x/c.jpg", "a b c", ["x/{path}.jpg"]),
        ("p/a.png q/b.png q/c.png", "a.png b.png c.png", ["q/{path}", "p/{path}"]),
        ("cat/1.png dog/1.png", "cat/1.png dog/1.png", ["{path}"]),
        ("a.png b.png", "c.png d.png", []),
    ],
)
def test_templates(images: str, values: str, templates: list[str]) -> None:
    assert where(images, values) == (templates, [])


def test_templates_begin_in_the_folder_of_the_table() -> None:
    assert where("images/a.png", "a.png", "notes/old")[0] == ["../../images/{path}"]
    assert where("train/a.png", "a.png", "train")[0] == ["{path}"]


@pytest.mark.parametrize(
    ("images", "table", "chosen", "left"),
    [
        ("a_masks/1.png images/1.jpg", "labels.csv", "images/{path}.jpg", "a_masks"),
        ("SegmentationClass/1.png zz/1.jpg", "labels.csv", "zz/{path}.jpg", "SegmentationClass"),
        ("test/1.jpg train/1.jpg", "train.csv", "train/{path}.jpg", "test"),
        ("test_images/1.jpg train_images/1.jpg", "lists/Training.csv", "train_images/{path}.jpg", "test_images"),
    ],
)
def test_of_folders_with_the_same_names_the_likelier_is_taken(images: str, table: str, chosen: str, left: str) -> None:
    assert where(images, "1", table=table) == ([chosen], [left])


def test_a_name_that_many_folders_have_says_nothing() -> None:
    assert where(" ".join(f"{n}/a.png" for n in range(100)), "a") == ([], [])


def test_there_are_only_so_many_templates() -> None:
    folders = range(MOST + 50)
    templates, left = where(" ".join(f"{n}/a{n}.png" for n in folders), " ".join(f"a{n}" for n in folders))
    assert (len(templates), len(left)) == (MOST, 50)


def test_cells_that_name_images() -> None:
    places = Places(["x/a.png", "x/B.jpg"])
    named = [cell for cell in ("a", "a.png", "b", "other.JPG", "/y/a", "c", "", "a.b") if places.is_named(cell)]
    assert named == ["a", "a.png", "b", "other.JPG", "/y/a"]
    assert places.named(["a", "a.png", "b.png", "c", "a"]) == 2
