"""A folder's layout is seen from names and tables, and the reasons are said."""

from pathlib import Path

import pytest

from graft.apps.use.autodetect import Layout, detect_layout, unlabelled_layout
from graft.apps.use.plan import plan
from graft.core.errors import DataError, ParamsError
from graft.core.params import check
from graft.labels.corrections import Corrections
from graft.labels.rules import Labels, apply_rule
from graft.split.config import Split
from tests.apps.use.trees import plant


def touch(root: Path, *names: str, **texts: str) -> None:
    """Make files, and texts."""
    plant(root, *names)
    for name, text in texts.items():
        (root / name.replace("_csv", ".csv").replace("_txt", ".txt")).write_text(text)


def agrees(layout: Layout, root: Path) -> None:
    """What was seen is a valid rule, and the rule says the same of the pictures."""
    rule: Labels = check("labels", Labels, layout.rule.labels)
    check("split", Split, layout.split)
    (root / "corrections.csv").write_text("path,label,note\n")
    labelled = apply_rule(rule, root, layout.images, Corrections.read(root / "corrections.csv"))
    assert labelled.rows["label"].value_counts().to_dict() == dict(layout.rule.classes)


def test_class_folders(tmp_path: Path) -> None:
    touch(tmp_path, *(f"{kind}/IMG_{number}.jpg" for kind in ("cat", "dog") for number in range(4)), "readme.md")
    touch(tmp_path, ".DS_Store", "__MACOSX/cat/IMG_1.jpg")
    layout = detect_layout(tmp_path)
    assert layout.rule.labels == {"rule": "folder"}
    assert layout.rule.classes == {"cat": 4, "dog": 4}
    assert (layout.files.others, len(layout.files.hidden)) == (["readme.md"], 2)
    assert layout.split["by"] == "random"
    assert "the name before its number: finds 1 class" in layout.rejected
    agrees(layout, tmp_path)


def test_split_folders_around_class_folders(tmp_path: Path) -> None:
    touch(tmp_path, *(f"{s}/{kind}/{n}.png" for s in ("train", "val") for kind in ("cat", "dog") for n in range(3)))
    layout = detect_layout(tmp_path)
    assert layout.rule.labels == {"rule": "folder"}
    assert layout.split["by"] == "folder"
    assert layout.split_why == "the folders train, val; test drawn from train"
    agrees(layout, tmp_path)


def test_names_are_preferred_where_folders_leave_images_out(tmp_path: Path) -> None:
    inside = [f"x/{s}/{kind}/{kind}.{n}.jpg" for s in ("train", "valid") for kind in ("bot", "cat") for n in range(3)]
    touch(tmp_path, *inside, "x/test/bot.7.jpg", "x/test/cat.8.jpg")
    layout = detect_layout(tmp_path)
    assert layout.rule.labels["rule"] == "regex"
    assert layout.rule.covered == 14
    assert "the folder each picture lies in: covers 12" in layout.rejected
    assert layout.split_why == "the folders x/test, x/train, x/valid"
    agrees(layout, tmp_path)


@pytest.mark.parametrize(
    "names",
    [
        ["cat.{}.jpg", "dog.{}.jpg"],
        ["great_pyrenees_{}.jpg", "pug_{}.jpg"],
        ["cat ({}).PNG", "dog ({}).PNG"],
        ["cat{}.jpg", "dog{}.jpg"],
    ],
)
def test_one_flat_folder_with_labels_in_its_names(tmp_path: Path, names: list[str]) -> None:
    touch(tmp_path, *(name.format(number) for name in names for number in range(10, 15)))
    layout = detect_layout(tmp_path)
    assert layout.rule.labels["rule"] == "regex"
    assert sorted(layout.rule.classes.values()) == [5, 5]
    agrees(layout, tmp_path)


def test_a_table_with_a_header(tmp_path: Path) -> None:
    touch(tmp_path, *(f"images/{number}.jpg" for number in range(6)))
    rows = "".join(f"{number},p{number // 2},{'ill' if number % 2 else 'well'},{number * 1.5}\n" for number in range(6))
    touch(tmp_path, meta_csv="image_id,patient_id,diagnosis,age\n" + rows)
    layout = detect_layout(tmp_path)
    assert layout.rule.labels["table"] == {
        "file": "meta.csv",
        "path": "image_id",
        "where": "images/{path}.jpg",
        "label": "diagnosis",
        "group": "patient_id",
    }
    assert layout.split["by"] == "group"
    agrees(layout, tmp_path)


def test_a_table_without_a_header(tmp_path: Path) -> None:
    touch(tmp_path, *(f"images/{number}.png" for number in range(6)))
    touch(tmp_path, labels_txt="".join(f"images/{number}.png  {number % 2}.5  x{number}\n" for number in range(6)))
    layout = detect_layout(tmp_path)
    table = layout.rule.labels["table"]
    assert (table["separator"], table["columns"]) == ("whitespace", ["column1", "column2", "column3"])
    assert (table["path"], table["label"]) == ("column1", "column2")
    agrees(layout, tmp_path)


def test_a_table_that_names_other_files_is_none(tmp_path: Path) -> None:
    touch(tmp_path, *(f"{kind}/{number}.jpg" for kind in ("cat", "dog") for number in range(4)))
    touch(tmp_path, prices_csv="item,label\nscrew,a\nnail,b\n", torn_csv="path,label\ncat/1.jpg\n")
    touch(tmp_path, bare_csv="path\n" + "".join(f"{kind}/{n}.jpg\n" for kind in ("cat", "dog") for n in range(4)))
    layout = detect_layout(tmp_path)
    assert layout.rule.labels == {"rule": "folder"}
    assert layout.rejected[0] == "bare.csv: beside path, no column looks like a label"
    assert layout.rejected[1].startswith("prices.csv: no column names pictures in most of its rows: 'screw' of item is")
    assert layout.rejected[2].startswith("torn.csv: line 2 has 1 fields where 2 are expected; ")


def test_a_table_that_ends_in_blank_lines(tmp_path: Path) -> None:
    touch(tmp_path, *(f"{number}.jpg" for number in range(6)))
    rows = "".join(f"{number}.jpg,{'ill' if number % 2 else 'well, as far as is known'}\n" for number in range(6))
    touch(
        tmp_path, meta_csv="file,diagnosis\n" + rows.replace("well, as far as is known", '"well, it seems"') + "\n \n"
    )
    layout = detect_layout(tmp_path)
    assert layout.rule.labels["table"] == {"file": "meta.csv", "path": "file", "label": "diagnosis"}
    agrees(layout, tmp_path)


def test_a_table_of_several_labels_an_image(tmp_path: Path) -> None:
    touch(tmp_path, *(f"{number}.jpg" for number in range(9)))
    held = ["haze|clear", "clear", "", "haze", "fog|haze|clear", "fog", "clear", "haze", "fog"]
    touch(tmp_path, meta_csv="file,labels\n" + "".join(f"{number}.jpg,{text}\n" for number, text in enumerate(held)))
    layout = detect_layout(tmp_path)
    assert layout.rule.labels["label_separator"] == "|"
    assert layout.rule.classes == {"haze": 4, "clear": 4, "fog": 3}
    assert layout.rule.covered == 9
    rule: Labels = check("labels", Labels, layout.rule.labels)
    (tmp_path / "corrections.csv").write_text("path,label,note\n")
    labelled = apply_rule(rule, tmp_path, layout.images, Corrections.read(tmp_path / "corrections.csv"))
    assert labelled.rows["labels"].str.split("|").explode().value_counts().drop("").to_dict() == layout.rule.classes


def test_a_pipe_in_single_labels_is_no_list(tmp_path: Path) -> None:
    touch(tmp_path, *(f"{number}.jpg" for number in range(8)))
    rows = "".join(f"{number}.jpg,{('a|1', 'b|2')[number % 2]}\n" for number in range(8))
    touch(tmp_path, meta_csv="file,label\n" + rows)
    assert "label_separator" not in detect_layout(tmp_path).rule.labels


@pytest.mark.parametrize("text", ["", "\n", " \n\n"], ids=repr)
@pytest.mark.parametrize("name", ["a.csv", "a.tsv", "a.txt"])
def test_an_empty_table_is_none(tmp_path: Path, name: str, text: str) -> None:
    touch(tmp_path, *(f"{kind}/{number}.jpg" for kind in ("cat", "dog") for number in range(4)))
    (tmp_path / name).write_text(text)
    assert detect_layout(tmp_path).rule.labels == {"rule": "folder"}


@pytest.mark.parametrize(
    ("names", "said"),
    [
        (["a.txt", "b.md"], "no file is a picture that is read; it holds 2 other files, such as 'a.txt'$"),
        ([], "no file is a picture that is read$"),
        (["x.jpg", "y.jpg"], "2 pictures, such as 'x.jpg', but nothing says their labels:\n  the folder each"),
        (
            [f"{name}/1.jpg" for name in "abcdef"],
            "finds 6 classes in 6 pictures, fewer than 3 each: more likely names than classes\n",
        ),
        (
            [f"{name}/{number}.jpg" for name in "abc" for number in "xy"],
            "finds 3 classes in 6 pictures, fewer than 3 each: more likely names than classes\n"
            "  the name before its number: finds no class\n"
            "put each class in a folder of its own, of 3 pictures or more, or write the section",
        ),
        (["a/x.jpg", "b/y.jpg"], "finds 2 classes in 2 pictures, fewer than 3 each"),
    ],
    ids=["no picture", "nothing", "no label", "a folder each", "two a folder", "two in all"],
)
def test_what_has_no_labels_is_said(tmp_path: Path, names: list[str], said: str) -> None:
    touch(tmp_path, *names)
    with pytest.raises(DataError, match=said):
        detect_layout(tmp_path)


def test_what_nothing_labels_is_left_to_be_labelled_by_hand(tmp_path: Path) -> None:
    root = tmp_path / "pictures"
    touch(root, *(f"{kind}/{n}.jpg" for kind in ("cat", "dog") for n in range(4)), "1_mask.png", "1.png")
    layout = unlabelled_layout(root)
    assert layout.rule.labels == {"rule": "corrections"}
    assert (layout.split["by"], layout.rule.covered) == ("hash", 0)
    assert len(layout.images) == 9
    agrees(layout, root)
    values, lines = plan(str(root), None, None, {"uri": str(root)}, False, tmp_path, unlabelled=True)
    assert values["labels"] == {"rule": "corrections"}
    assert "classes: as you name them: `dvc repro embed`, then `graft label`, then `dvc repro`" in lines
    with pytest.raises(ParamsError, match=r"^--unlabelled belongs to pictures of your own, and 'photos' is a preset$"):
        plan("photos", None, None, {}, False, tmp_path, unlabelled=True)
