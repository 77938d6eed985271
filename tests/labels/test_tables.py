"""Tables in one file or several: one-hot columns, lists in cells, and a column of the official split."""

from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from graft.core.errors import DataError, ParamsError
from graft.core.params import check
from graft.labels.corrections import COLUMNS, Corrections
from graft.labels.rules import Labelled, Labels, apply_rule

PATHS = ["x/a.png", "x/b.png", "x/c.png", "x/d.png"]
TABLE = {"file": "t.csv", "path": "file", "where": "x/{path}.png"}


def label(root: Path, tables: dict[str, str], label_separator: str | None = None, **keys: Any) -> Labelled:
    """Write tables, and label four images by them."""
    for name, text in tables.items():
        (root / name).write_text(text)
    section = {"rule": "table", "label_separator": label_separator, "table": TABLE | keys}
    none = Corrections(pd.DataFrame(columns=COLUMNS, dtype=str), "none")
    return apply_rule(check("labels", Labels, section), root, PATHS, none)


def column(labelled: Labelled, name: str = "label") -> dict[str, str]:
    """A column by the name of the image."""
    return {path[2]: value for path, value in zip(labelled.rows["path"], labelled.rows[name], strict=True)}


def reasons(labelled: Labelled) -> dict[str, str]:
    """Why images have no label."""
    return {path[2]: why for path, why in zip(labelled.unlabelled["path"], labelled.unlabelled["reason"], strict=True)}


ONES = "file,cat,dog\na,1,0\nb,0.0,1.0\nc,1,TRUE\nd,,-1\n"


def test_one_hot_columns_name_one_class(tmp_path: Path) -> None:
    labelled = label(tmp_path, {"t.csv": ONES}, one_hot=["cat", "dog"])
    assert column(labelled) == {"a": "cat", "b": "dog"}
    assert reasons(labelled) == {
        "c": "has 1 in the columns 'cat' and 'dog' in t.csv",
        "d": "has 1 in no column of one_hot in t.csv",
    }


def test_one_hot_columns_name_several_classes(tmp_path: Path) -> None:
    labelled = label(tmp_path, {"t.csv": ONES}, "|", one_hot=["cat", "dog"], map={"cat": "Katze", "dog": "Hund"})
    assert column(labelled, "labels") == {"a": "Katze", "b": "Hund", "c": "Hund|Katze", "d": ""}
    assert reasons(labelled) == {}


def test_a_cell_that_is_neither_one_nor_nought_is_refused(tmp_path: Path) -> None:
    said = r"^t\.csv: row 2 has '0\.25' in the column 'dog' of labels\.table\.one_hot, which is neither 1 nor 0$"
    with pytest.raises(DataError, match=said):
        label(tmp_path, {"t.csv": "file,cat,dog\na,1,0\nb,0,0.25\n"}, one_hot=["cat", "dog"])


@pytest.mark.parametrize(
    ("cell", "separator", "strip"),
    [
        ("['cat', 'big dog']", ",", "[]'"),
        ('["cat","big dog"]', ",", '[]"'),
        ("cat|big dog", "|", None),
        ("cat, big dog", ",", None),
        ("{cat;big dog}", ";", "{}"),
    ],
)
def test_a_cell_may_be_a_list(tmp_path: Path, cell: str, separator: str, strip: str | None) -> None:
    text = f"file\tlabel\na\t{cell}\nb\t\n"
    labelled = label(tmp_path, {"t.csv": text}, separator, separator="tab", label="label", strip=strip)
    assert column(labelled, "labels") == {"a": "big dog|cat", "b": ""}


def test_what_stands_around_a_single_label_is_dropped(tmp_path: Path) -> None:
    text = "file,label\na,['cat']\nb,['dog']\nc,[]\n"
    labelled = label(tmp_path, {"t.csv": text}, label="label", strip="[]'")
    assert column(labelled) == {"a": "cat", "b": "dog"}
    assert reasons(labelled)["c"] == "has an empty label in t.csv"


SPLITS = {"train": "one.csv", "test": "two.csv"}


def test_tables_of_several_splits_name_them(tmp_path: Path) -> None:
    tables = {"one.csv": "file,label,patient\na,cat,7\nb,dog,8\n", "two.csv": "label,file\ncat,c\n"}
    labelled = label(tmp_path, tables, file=SPLITS, label="label", group="patient")
    assert column(labelled, "list") == {"a": "train", "b": "train", "c": "test"}
    assert column(labelled, "group") == {"a": "7", "b": "8", "c": ""}
    assert reasons(labelled) == {"d": "has no row in one.csv or two.csv"}


def test_the_name_of_a_table_may_lead_to_its_images(tmp_path: Path) -> None:
    for split in SPLITS:
        (tmp_path / f"{split}.csv").write_text(f"file,label\na,{split}\n")
    section = {"path": "file", "label": "label", "where": "{list}_images/{path}.png"}
    section["file"] = {split: f"{split}.csv" for split in SPLITS}  # type: ignore[assignment]
    none = Corrections(pd.DataFrame(columns=COLUMNS, dtype=str), "none")
    paths = ["test_images/a.png", "train_images/a.png"]
    labelled = apply_rule(check("labels", Labels, {"rule": "table", "table": section}), tmp_path, paths, none)
    assert labelled.rows["label"].tolist() == labelled.rows["list"].tolist() == ["test", "train"]


def test_an_image_in_two_tables_is_in_no_split(tmp_path: Path) -> None:
    tables = {"one.csv": "file,label\na,cat\nb,dog\nc,cat\n", "two.csv": "file,label\na,cat\n"}
    labelled = label(tmp_path, tables, file=SPLITS, label="label")
    assert reasons(labelled)["a"] == "has 2 rows, of the lists 'test' and 'train'"


def test_a_column_says_the_split(tmp_path: Path) -> None:
    tables = {"t.csv": "file,label,is_valid\na,cat,True\nb,dog,False\nc,cat,\nd,dog,odd\n"}
    names = {"True": "valid", "False": "train"}
    labelled = label(tmp_path, tables, label="label", list_column="is_valid", list_map=names)
    assert column(labelled, "list") == {"a": "valid", "b": "train", "c": "", "d": "odd"}


def test_where_no_split_is_said_the_table_names_it(tmp_path: Path) -> None:
    tables = {"one.csv": "file,label,fold\na,cat,dev\nb,dog,\n", "two.csv": "file,label\nc,cat\n"}
    labelled = label(tmp_path, tables, file=SPLITS, label="label", list_column="fold")
    assert column(labelled, "list") == {"a": "dev", "b": "train", "c": "test"}


def test_a_table_that_leads_nowhere_shows_a_value_and_every_place(tmp_path: Path) -> None:
    with pytest.raises(DataError) as refused:
        label(tmp_path, {"t.csv": "file,label\nD:/q.tif,cat\n"}, label="label", where=["y/{path}", "z/{path}.jpg"])
    assert str(refused.value) == (
        "t.csv: no row leads to a picture: 'D:/q.tif' of row 1 was looked for at 'y/D:/q.tif', 'z/D:/q.tif.jpg'; "
        "a picture is called 'x/a.png'; mend labels.table.where"
    )


@pytest.mark.parametrize("key", ["label", "one_hot", "group", "slices", "list_column"])
def test_a_column_that_no_table_has_is_named(tmp_path: Path, key: str) -> None:
    keys: dict[str, Any] = {"label": "label"} | {key: ["lack"] if key in ("one_hot", "slices") else "lack"}
    if key == "one_hot":
        del keys["label"]
    with pytest.raises(DataError, match=rf"^labels\.table\.{key}: no column 'lack' in t\.csv; it has file, label$"):
        label(tmp_path, {"t.csv": "file,label\na,cat\n"}, **keys)


@pytest.mark.parametrize(
    ("keys", "said"),
    [
        ({}, "give either label or one_hot"),
        ({"label": "l", "one_hot": ["a"]}, "give either label or one_hot"),
        ({"one_hot": ["a"], "bins": {"edges": [1.0], "names": ["x", "y"]}}, "bins cut the numbers of label"),
        ({"label": "l", "encoding": "utf-9"}, "encoding: 'utf-9' is none that Python knows"),
        ({"label": "l", "file": {}}, "file names no table"),
        ({"label": "l", "where": ["{path}", "x"]}, "where must hold"),
        ({"label": "l", "file": SPLITS, "runs": {"of": "l", "length": 2}}, "runs are of one table"),
    ],
)
def test_keys_that_do_not_go_together_are_refused(keys: dict[str, Any], said: str) -> None:
    with pytest.raises(ParamsError, match=said):
        check("labels", Labels, {"rule": "table", "table": TABLE | keys})


def test_lists_and_a_column_of_the_split_are_refused_together() -> None:
    lists = {"files": {"train": "train.txt"}}
    with pytest.raises(ParamsError, match="all make the column 'list'; give one of them"):
        check("labels", Labels, {"rule": "table", "table": TABLE | {"label": "l", "list_column": "s"}, "lists": lists})
