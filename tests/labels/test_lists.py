"""Official lists become a column by which a split can divide."""

import unicodedata
from pathlib import Path

import pandas as pd
import pytest

from graft.core.errors import DataError
from graft.labels.corrections import COLUMNS, Corrections
from graft.labels.lists import Lists
from graft.labels.rules import Labelled, Labels
from graft.labels.rules import apply_rule as apply_with_corrections


def apply_rule(labels: Labels, root: Path, paths: list[str]) -> Labelled:
    """Label without corrections."""
    none = Corrections(pd.DataFrame(columns=COLUMNS, dtype=str), "none")
    return apply_with_corrections(labels, root, paths, none)


def told(labelled: Labelled) -> dict[str, str]:
    """The column list by path."""
    return dict(zip(labelled.rows["path"], labelled.rows["list"], strict=True))


def listed(root: Path, lists: dict[str, str], where: str = "../images/{path}.jpg") -> Labelled:
    """Two cats and two dogs in images/, and lists beside them."""
    (root / "lists").mkdir()
    for name, text in lists.items():
        (root / "lists" / f"{name}.txt").write_text(text)
    rule = Lists(files={name: f"lists/{name}.txt" for name in lists}, where=where)
    labels = Labels(rule="regex", pattern=r"(?P<label>cat|dog)_\d", lists=rule)
    return apply_rule(labels, root, [f"images/{name}.jpg" for name in ("cat_1", "cat_2", "dog_1", "dog_2")])


def test_lists_become_a_column(tmp_path: Path) -> None:
    labelled = listed(tmp_path, {"trainval": "cat_1 1 1\ndog_1 2 1\n\n", "test": "cat_2 1 1\n"})
    by_name = {Path(path).stem: name for path, name in told(labelled).items()}
    assert by_name == {"cat_1": "trainval", "cat_2": "test", "dog_1": "trainval", "dog_2": ""}


def test_an_image_in_two_lists_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"^labels.lists: 'images/cat_1.jpg' stands in the lists 'a' and 'b'$"):
        listed(tmp_path, {"a": "cat_1\n", "b": "cat_1\n"})


def test_lists_that_name_no_image_are_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no listed file is a picture; the first was looked for at 'lists/cat_1'; mend"):
        listed(tmp_path, {"a": "cat_1\n"}, where="{path}")


def test_an_absent_list_is_said(tmp_path: Path) -> None:
    rule = Labels(rule="folder", lists=Lists(files={"test": "test.txt"}))
    with pytest.raises(DataError, match=r"^labels.lists.files.test: test.txt is not in the source$"):
        apply_rule(rule, tmp_path, ["a/1", "b/2"])


def test_a_list_that_is_no_text_is_refused(tmp_path: Path) -> None:
    (tmp_path / "test.txt").write_bytes("käfer_1".encode("latin-1"))
    rule = Labels(rule="folder", lists=Lists(files={"test": "test.txt"}))
    with pytest.raises(
        DataError, match=r"^labels.lists.files.test: test.txt cannot be read: line 1 holds the byte e4, "
    ):
        apply_rule(rule, tmp_path, ["a/1", "b/2"])


def test_a_list_names_images_in_either_form_of_unicode(tmp_path: Path) -> None:
    one, other = (unicodedata.normalize(form, "bär/1") for form in ("NFC", "NFD"))
    (tmp_path / "test.txt").write_text(f"{one}\n", encoding="utf-8")
    rule = Labels(rule="folder", lists=Lists(files={"test": "test.txt"}))
    assert told(apply_rule(rule, tmp_path, [other, "b/2"])) == {other: "test", "b/2": ""}


@pytest.mark.parametrize(
    ("line", "found"),
    [
        ("my cat/1 a.jpg", "my cat/1 a.jpg"),
        ("my cat/1 a", "my cat/1 a.jpg"),
        ("my cat\\1 a.jpg", "my cat/1 a.jpg"),
        ("dog/2.jpg", "dog/2.jpg"),
        ("dog/2 7", "dog/2.jpg"),
        ("dog/2.jpg,7,x", "dog/2.jpg"),
        ('"dog/2.jpg";7', "dog/2.jpg"),
        ("dog/2.jpg\t7", "dog/2.jpg"),
        ("/home/anna/dog/2.jpg 7", "dog/2.jpg"),
    ],
)
def test_a_line_or_its_beginning_names_an_image(tmp_path: Path, line: str, found: str) -> None:
    (tmp_path / "test.txt").write_text(f"image\n{line}\n\n")
    rule = Labels(rule="folder", lists=Lists(files={"test": "test.txt"}, where=["other/{path}", "{path}"]))
    labelled = apply_rule(rule, tmp_path, ["my cat/1 a.jpg", "dog/2.jpg", "dog/3.jpg"])
    assert [path for path, name in told(labelled).items() if name] == [found]


def test_where_must_say_where_the_name_goes() -> None:
    with pytest.raises(ValueError, match=r"where must hold \{path\}"):
        Lists(files={"a": "a.txt"}, where=["{path}.jpg", "images"])
