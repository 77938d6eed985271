"""A name in a table leads to one image, or to none; never to one of several."""

import unicodedata

import pytest

from graft.labels.locate import Locator, places


def find(paths: str, names: str, folder: str = "", where: str = "{path}") -> list[str | None]:
    """Find several names, apart by commas."""
    return Locator(paths.split(",")).find(names.split(","), folder, where.split(","))


@pytest.mark.parametrize(
    ("names", "where", "found"),
    [
        ("set/a.png", "{path}", "set/a.png"),
        (" ./set//a.png ", "{path}", "set/a.png"),
        ("set\\a.png", "{path}", "set/a.png"),
        ("a", "set/{path}.png", "set/a.png"),
        ("a", "set/{path}.jpg", "set/a.png"),
        ("a", "set/{path}", "set/a.png"),
        ("a.tif", "set/{path}", "set/a.png"),
        ("A.PNG", "set/{path}", "set/a.png"),
        ("b", "set/{path}", None),
        ("b.jpg", "set/{path}", "set/b.jpg"),
        ("b.JPG", "set/{path}", "set/b.jpg"),
        ("C", "set/{path}", None),
        ("D.E", "set/{path}", "set/D.E.png"),
        ("a.png", "none/{path},set/{path}", "set/a.png"),
        ("C:\\photos\\set\\a.png", "{path}", "set/a.png"),
        ("/home/anna/set/a.png", "{path}", "set/a.png"),
        ("photos/set/a.png", "{path}", "set/a.png"),
        ("/data/upload/3/a.png", "set/{path}", "set/a.png"),
        ("a.png", "{path}", None),
        ("other/a.png", "{path}", None),
        ("../set/a.png", "{path}", "set/a.png"),
        ("", "{path}", None),
    ],
)
def test_a_name_leads_to_an_image(names: str, where: str, found: str | None) -> None:
    assert find("set/a.png,set/b.png,set/b.jpg,set/c.png,set/c.jpg,set/D.E.png", names, where=where) == [found]


def test_templates_begin_in_the_folder_of_the_table() -> None:
    assert find("images/a.jpg", "a", "notes/old", "../../images/{path}.jpg") == ["images/a.jpg"]
    assert places("a", "notes", ["../{path}.jpg", "x/{path}"]) == ["a.jpg", "notes/x/a"]


def test_the_first_template_that_leads_to_an_image_holds() -> None:
    assert find("x/a.png,y/a.png,y/b.png", "a.png,b.png", where="y/{path},x/{path}") == ["y/a.png", "y/b.png"]
    assert find("x/a.png,y/A.png", "A.png", where="x/{path},y/{path}") == ["y/A.png"]  # exact before alike


def test_what_is_the_exact_name_of_one_is_no_loose_name_of_another() -> None:
    assert find("a.png", "a.png,lost/a.png") == ["a.png", None]
    assert find("a.png", "lost/a.png") == ["a.png"]


def test_either_form_of_unicode_is_found_by_the_other() -> None:
    one, other = (unicodedata.normalize(form, "bär.png") for form in ("NFC", "NFD"))
    assert Locator([other]).find([one, one.upper()], "", ["{path}"]) == [other, None]
    assert Locator([other]).find([one.upper()], "", ["{path}"]) == [other]
