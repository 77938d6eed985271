"""Layouts with tables that people have: the right labels, groups and splits, and the stages make the same of them."""

from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from graft.apps.use.autodetect import Layout, detect_layout
from graft.apps.use.table_rules import read_labels, split_in_name
from graft.core.errors import DataError
from graft.core.params import check
from graft.data.dataset import class_names
from graft.split.assign import assign
from graft.split.config import Split
from tests.apps.use.trees import plant


def write(root: Path, name: str, header: str, rows: Iterable[Sequence[object]], separator: str = ",") -> None:
    """Write a table; an empty header is none."""
    lines = [header.replace(",", separator)] if header else []
    (root / name).parent.mkdir(parents=True, exist_ok=True)
    (root / name).write_text("\n".join(lines + [separator.join(map(str, row)) for row in rows]) + "\n")


def seen(root: Path) -> tuple[dict[str, Any], dict[str, int], pd.DataFrame]:
    """Keys of ``labels.table``, classes with counts, and rows of labels.csv with the split that the stage gives."""
    layout = detect_layout(root)
    labelled, split = staged(layout, root)
    assert Counter(name for name in class_names(labelled) if name) == layout.rule.classes
    assert len(labelled) == layout.rule.covered
    return layout.rule.labels.get("table", {}), dict(layout.rule.classes), labelled.assign(split=split)


def staged(layout: Layout, root: Path) -> tuple[pd.DataFrame, pd.Series]:
    """What the stages index and split make of the sections that were found."""
    rows = read_labels(layout.rule.labels, root, layout.images).rows
    images = pd.DataFrame({"sha256": rows["path"], "duplicate_group": rows["path"]})
    return rows, assign(check("split", Split, layout.split), rows, images)["split"]


def splits_of(rows: pd.DataFrame) -> dict[str, set[str]]:
    """First parts of the paths in each split."""
    return {str(split): {path.split("/")[0] for path in of["path"]} for split, of in rows.groupby("split")}


def straddling(rows: pd.DataFrame) -> int:
    """How many groups lie in several splits."""
    return int((rows.groupby("group")["split"].nunique() > 1).sum())


def test_train_and_test_images_of_which_a_table_labels_the_first(tmp_path: Path) -> None:
    plant(
        tmp_path, *(f"train_images/{n:03x}a.png" for n in range(30)), *(f"test_images/{n:03x}b.png" for n in range(40))
    )
    write(tmp_path, "train.csv", "id_code,diagnosis", ((f"{n:03x}a", n % 5) for n in range(30)))
    write(tmp_path, "test.csv", "id_code", ((f"{n:03x}b",) for n in range(40)))
    write(tmp_path, "sample_submission.csv", "id_code,diagnosis", ((f"{n:03x}b", n % 2) for n in range(40)))
    table, classes, rows = seen(tmp_path)
    assert table == {"file": "train.csv", "path": "id_code", "label": "diagnosis", "where": "train_images/{path}.png"}
    assert classes == dict.fromkeys("01234", 6)
    assert set(rows["split"]) == {"train", "valid", "test"}


def test_a_folder_of_more_unlabelled_images_is_no_reason_against_a_table(tmp_path: Path) -> None:
    plant(tmp_path, *(f"train/{n:03x}a.jpg" for n in range(12)), *(f"test/{n:03x}b.jpg" for n in range(20)))
    write(tmp_path, "labels.csv", "id,breed", ((f"{n:03x}a", ("pug", "boxer", "beagle")[n % 3]) for n in range(12)))
    table, classes, rows = seen(tmp_path)
    assert (table["label"], table["where"]) == ("breed", "train/{path}.jpg")
    assert classes == {"pug": 4, "boxer": 4, "beagle": 4}
    assert set(rows["split"]) == {"train", "valid", "test"}
    assert detect_layout(tmp_path).split["by"] == "random"  # test/ has no label, and is no test split


def test_a_column_called_split_divides(tmp_path: Path) -> None:
    plant(tmp_path, *(f"img/{n:02}.png" for n in range(18)))
    kinds = ["train"] * 12 + ["val"] * 3 + ["test"] * 3
    rows = ((f"img/{n:02}.png", "rgb"[n % 3], kinds[n]) for n in range(18))
    write(tmp_path, "dataset.csv", "filename,label,split", rows)
    table, classes, labelled = seen(tmp_path)
    assert (table["label"], table["list_column"]) == ("label", "split")
    assert classes == {"r": 6, "g": 6, "b": 6}
    assert labelled["split"].tolist() == ["train"] * 12 + ["valid"] * 3 + ["test"] * 3
    assert detect_layout(tmp_path).split_why == "the column split"


def test_tables_of_train_and_test_with_a_column_that_says_valid(tmp_path: Path) -> None:
    plant(tmp_path, *(f"train/{n:03}.jpg" for n in range(20)), *(f"test/{n:03}.jpg" for n in range(10)))
    labels = ["person", "car dog", "dog", "car person dog", "car"]
    train = ((f"{n:03}.jpg", labels[n % 5], n % 4 == 0) for n in range(20))
    write(tmp_path, "train.csv", "fname,labels,is_valid", train)
    write(tmp_path, "test.csv", "fname,labels", ((f"{n:03}.jpg", ("car", "dog")[n % 2]) for n in range(10)))
    table, classes, rows = seen(tmp_path)
    assert table["file"] == {"test": "test.csv", "train": "train.csv"}
    assert table["where"] == "{list}/{path}"  # the same names stand in both tables
    assert (table["list_column"], table["list_map"]) == ("is_valid", {"True": "valid", "False": "train"})
    assert classes == {"person": 8, "car": 12 + 5, "dog": 12 + 5}
    assert Counter(rows["split"]) == {"train": 15, "valid": 5, "test": 10}


def test_tables_beside_the_images_of_each_split(tmp_path: Path) -> None:
    for split, count in (("train", 12), ("test", 6)):
        plant(tmp_path, *(f"{split}/{n:03}.png" for n in range(count)))
        write(
            tmp_path, f"{split}/metadata.csv", "file_name,label", ((f"{n:03}.png", "abc"[n % 3]) for n in range(count))
        )
    table, classes, rows = seen(tmp_path)
    assert table["file"] == {"test": "test/metadata.csv", "train": "train/metadata.csv"}
    assert classes == {"a": 6, "b": 6, "c": 6}
    assert splits_of(rows) == {"train": {"train"}, "valid": {"train"}, "test": {"test"}}


def test_traffic_signs_with_boxes_and_a_picture_of_each_class(tmp_path: Path) -> None:
    header = "Width,Height,Roi.X1,Roi.Y1,Roi.X2,Roi.Y2,ClassId,Path"
    train = [(30 + n, 31, 5 + n % 2, 5, 24, 25, n % 4, f"Train/{n % 4}/{n:05}_{n % 5:05}.png") for n in range(24)]
    test = [(40 + n, 41, 5 + n % 2, 5, 30, 31, n % 4, f"Test/{n:05}.png") for n in range(12)]
    meta = [(f"Meta/{n}.png", n, n % 3, n % 2, f"3.{n}") for n in range(4)]
    write(tmp_path, "Train.csv", header, train)
    write(tmp_path, "Test.csv", header, test)
    write(tmp_path, "Meta.csv", "Path,ClassId,ShapeId,ColorId,SignId", meta)
    plant(tmp_path, *(row[-1] for row in (*train, *test)), *(row[0] for row in meta))
    table, classes, rows = seen(tmp_path)
    assert (table["label"], table["path"]) == ("ClassId", "Path")
    assert "group" not in table
    assert classes == dict.fromkeys("0123", 9)
    assert splits_of(rows) == {"train": {"Train"}, "valid": {"Train"}, "test": {"Test"}}


def test_lesions_in_two_folders(tmp_path: Path) -> None:
    names = [f"ISIC_{n:07}" for n in range(42)]
    plant(tmp_path, *(f"images_part_{1 + (n > 19)}/{name}.jpg" for n, name in enumerate(names)))
    header = "lesion_id,image_id,dx,dx_type,age,sex,localization"
    rows = [
        (f"HAM_{n // 2}", name, ("nv", "mel", "bkl")[n // 2 % 3], "hf"[n % 2], 30 + n % 11, "mf"[n % 2], "bft"[n % 3])
        for n, name in enumerate(names)
    ]
    write(tmp_path, "metadata.csv", header, rows)
    table, classes, labelled = seen(tmp_path)
    assert (table["label"], table["group"]) == ("dx", "lesion_id")
    assert sorted(table["where"]) == ["images_part_1/{path}.jpg", "images_part_2/{path}.jpg"]
    assert classes == {"nv": 14, "mel": 14, "bkl": 14}
    assert straddling(labelled) == 0
    assert detect_layout(tmp_path).split_why == "whole groups, 21 by the column lesion_id"


def test_chest_x_rays_in_many_folders_with_several_findings(tmp_path: Path) -> None:
    names = [f"{n // 2:08}_{n % 2:03}.png" for n in range(48)]
    plant(tmp_path, *(f"images_{n // 4:03}/images/{name}" for n, name in enumerate(names)))
    findings = ["Mass", "No Finding", "Effusion", "Mass|Effusion"]
    header = "Image Index,Finding Labels,Follow-up #,Patient ID,Patient Age,Patient Gender,View Position"
    rows = [
        (name, findings[n % 4], n % 2, n // 2, 40 + n % 3, "MF"[n // 2 % 2], ("PA", "AP")[n % 2])
        for n, name in enumerate(names)
    ]
    write(tmp_path, "Data_Entry_2017.csv", header, rows)
    table, classes, labelled = seen(tmp_path)
    assert (table["label"], table["group"], len(table["where"])) == ("Finding Labels", "Patient ID", 12)
    assert classes == {"Mass": 24, "No Finding": 12, "Effusion": 24}
    assert straddling(labelled) == 0


def test_a_part_of_a_large_data_set_is_labelled_by_its_whole_table(tmp_path: Path) -> None:
    plant(tmp_path, *(f"images/{n:04}.png" for n in range(20)))
    write(tmp_path, "all.csv", "image,finding", ((f"{n:04}.png", "ab"[n % 2]) for n in range(200)))
    assert seen(tmp_path)[1] == {"a": 10, "b": 10}
    assert "180 rows lead to no picture, such as 'images/0020.png'" in detect_layout(tmp_path).rule.notes


def test_one_hot_columns_of_one_class_each(tmp_path: Path) -> None:
    kinds = ["MEL", "NV", "BCC", "UNK"]
    plant(tmp_path, *(f"Training_Input/ISIC_{n:03}.jpg" for n in range(12)))
    rows = ((f"ISIC_{n:03}", *(float(n % 3 == k) for k in range(4))) for n in range(12))
    write(tmp_path, "Training_GroundTruth.csv", "image," + ",".join(kinds), rows)
    table, classes, _ = seen(tmp_path)
    assert table["one_hot"] == kinds
    assert "label" not in table
    assert classes == {"MEL": 4, "NV": 4, "BCC": 4}


def test_one_hot_columns_beside_unlabelled_images_in_the_same_folder(tmp_path: Path) -> None:
    plant(tmp_path, *(f"images/{part}_{n}.jpg" for part in ("Train", "Test") for n in range(12)))
    kinds = "healthy,multiple_diseases,rust,scab"
    write(
        tmp_path,
        "train.csv",
        f"image_id,{kinds}",
        ((f"Train_{n}", *(int(n % 4 == k) for k in range(4))) for n in range(12)),
    )
    write(tmp_path, "test.csv", "image_id", ((f"Test_{n}",) for n in range(12)))
    write(tmp_path, "sample_submission.csv", f"image_id,{kinds}", ((f"Test_{n}", *[0.25] * 4) for n in range(12)))
    table, classes, rows = seen(tmp_path)
    assert table["one_hot"] == kinds.split(",")
    assert classes == dict.fromkeys(kinds.split(","), 3)
    assert all(path.startswith("images/Train") for path in rows["path"])


def test_one_hot_columns_of_several_classes_each(tmp_path: Path) -> None:
    plant(tmp_path, *(f"{n}.jpg" for n in range(12)))
    write(
        tmp_path,
        "attributes.csv",
        "image_id,smile,hat",
        ((f"{n}.jpg", (-1, 1)[n % 2], (-1, 1)[n % 3 > 0]) for n in range(12)),
    )
    table, classes, rows = seen(tmp_path)
    assert table["one_hot"] == ["smile", "hat"]
    assert classes == {"smile": 6, "hat": 8}
    assert set(rows["labels"]) == {"", "hat", "smile", "hat|smile"}


def test_an_export_with_paths_of_its_server(tmp_path: Path) -> None:
    plant(tmp_path, *(f"images/{n:04x}-IMG_{n}.jpg" for n in range(12)))
    header = "annotation_id,annotator,choice,created_at,id,image,lead_time"
    rows = (
        (n, n % 3, ("cat", "dog")[n % 2], "2024-05-01T10:00", n, f"/data/upload/3/{n:04x}-IMG_{n}.jpg", n * 0.37)
        for n in range(12)
    )
    write(tmp_path, "project-3-at-2024-05-01.csv", header, rows)
    table, classes, _ = seen(tmp_path)
    assert (table["path"], table["label"], table["where"]) == ("image", "choice", "images/{path}")
    assert "group" not in table
    assert classes == {"cat": 6, "dog": 6}


def test_names_without_suffix_of_files_with_several(tmp_path: Path) -> None:
    plant(tmp_path, *(f"pics/a{n:03}.{('jpg', 'jpg', 'png', 'JPG')[n % 4]}" for n in range(12)))
    write(tmp_path, "train.csv", "id,label", ((f"a{n:03}", ("yes", "no")[n % 2]) for n in range(12)))
    assert seen(tmp_path)[1] == {"yes": 6, "no": 6}


def test_masks_of_the_same_names_are_no_images(tmp_path: Path) -> None:
    plant(
        tmp_path,
        *(f"{kind}/{n:04}.{end}" for kind, end in (("segmentation", "png"), ("images", "jpg")) for n in range(12)),
    )
    write(tmp_path, "labels.csv", "id,grade", ((f"{n:04}", ("low", "mid", "high")[n % 3]) for n in range(12)))
    table, classes, rows = seen(tmp_path)
    assert table["where"] == "images/{path}.jpg"
    assert classes == {"low": 4, "mid": 4, "high": 4}
    assert all(path.startswith("images/") for path in rows["path"])
    assert detect_layout(tmp_path).only == ["!*/segmentation/*"]


def test_a_header_with_dots(tmp_path: Path) -> None:
    plant(tmp_path, *(f"img{n:03}.png" for n in range(24)))
    rows = ((f"img{n:03}.png", "mf"[n // 4 % 2], ("king", "gentoo")[n % 2], f"P{n % 9}") for n in range(24))
    write(tmp_path, "birds.csv", "Image.Name,Sex,Species,Plot.Id", rows)
    table, classes, labelled = seen(tmp_path)
    assert (table["path"], table["label"], table["group"]) == ("Image.Name", "Species", "Plot.Id")
    assert classes == {"king": 12, "gentoo": 12}
    assert straddling(labelled) == 0


@pytest.mark.parametrize("header", ["name,sex,species", "filename,sex,label", "image,sex,kind", "image_path,sex,class"])
def test_a_header_as_long_as_its_values(tmp_path: Path, header: str) -> None:
    names = [f"bird {'abcdefgh'[n % 8] * (n % 5 + 1)} {n}.png" for n in range(24)]
    plant(tmp_path, *names)
    write(
        tmp_path,
        "birds.csv",
        header,
        ((name, ("male", "female")[n // 4 % 2], ("adelie", "king")[n % 2]) for n, name in enumerate(names)),
    )
    table, classes, _ = seen(tmp_path)
    assert table == {"file": "birds.csv", "path": header.split(",", maxsplit=1)[0], "label": header.split(",")[2]}
    assert classes == {"adelie": 12, "king": 12}


@pytest.mark.parametrize(
    "before", ["", "C:\\Users\\anna\\", "/home/anna/data/", "{root}/"], ids=["rel", "abs", "posix", "top"]
)
def test_paths_of_another_machine(tmp_path: Path, before: str) -> None:
    paths = [f"photos/{('ok', 'scratch')[n % 2]}_set/{n:03}.png" for n in range(12)]
    plant(tmp_path, *paths)
    before = before.format(root=tmp_path.name)
    values = [before + (path if "/" in before else path.replace("/", "\\")) for path in paths]
    write(tmp_path, "labels.csv", "image,label", ((value, ("ok", "scratch")[n % 2]) for n, value in enumerate(values)))
    table, classes, _ = seen(tmp_path)
    assert (table["path"], table["label"]) == ("image", "label")
    assert classes == {"ok": 6, "scratch": 6}


def test_numbers_of_files_and_classes_label_nothing(tmp_path: Path) -> None:
    kinds = ["001.Black_footed_Albatross", "002.Laysan_Albatross", "003.Sooty_Albatross"]
    paths = [f"{kind}/{kind[4:]}_{n:04}_{n}.jpg" for kind in kinds for n in range(6)]
    plant(tmp_path, *(f"images/{path}" for path in paths))
    write(tmp_path, "images.txt", "", enumerate(paths, 1), " ")
    write(tmp_path, "image_class_labels.txt", "", ((n, 1 + n // 7) for n in range(1, 19)), " ")
    write(tmp_path, "train_test_split.txt", "", ((n, n % 2) for n in range(1, 19)), " ")
    write(tmp_path, "classes.txt", "", enumerate(kinds, 1), " ")
    layout = detect_layout(tmp_path)
    assert layout.rule.labels == {"rule": "folder"}
    assert layout.rule.classes == dict.fromkeys(kinds, 6)
    assert layout.rule.notes == ("train_test_split.txt may hold an official split, in a form that is not read",)


def test_what_is_not_read_is_named_with_the_remedy(tmp_path: Path) -> None:
    plant(tmp_path, *(f"cars/{n:05}.jpg" for n in range(12)), "cars_annos.mat")
    with pytest.raises(DataError, match=r"\n  cars_annos\.mat: a file of MATLAB is not read; write it as a CSV table"):
        detect_layout(tmp_path)


def test_numbers_of_class_folders_say_less_than_their_names(tmp_path: Path) -> None:
    paths = [f"{kind}/{n}.jpg" for kind in ("cat", "dog") for n in range(6)]
    plant(tmp_path, *(f"images/{path}" for path in paths))
    for name, part in (("train", paths[::2]), ("test", paths[1::2])):
        write(tmp_path, f"{name}.txt", "", ((f"images/{path}", int("dog" in path)) for path in part), " ")
    layout = detect_layout(tmp_path)
    assert layout.rule.classes == {"cat": 6, "dog": 6}
    assert layout.split["column"] == "list"
    assert Counter(staged(layout, tmp_path)[1])["test"] == 6


def test_numbers_of_names_say_less_than_the_names(tmp_path: Path) -> None:
    names = [f"{kind}_{n}" for kind in ("Abyssinian", "pug") for n in range(6)]
    plant(tmp_path, *(f"images/{name}.jpg" for name in names))
    for list_name, part in (("trainval", names[::2]), ("test", names[1::2])):
        write(tmp_path, f"annotations/{list_name}.txt", "", ((name, 1 + ("pug" in name), 1, 1) for name in part), " ")
    layout = detect_layout(tmp_path)
    assert layout.rule.labels["rule"] == "regex"
    assert layout.rule.classes == {"Abyssinian": 6, "pug": 6}
    assert Counter(staged(layout, tmp_path)[1])["test"] == 6


def test_numbers_of_class_folders_hold_where_the_table_says_more(tmp_path: Path) -> None:
    plant(tmp_path, *(f"{kind}/{n}.jpg" for kind in ("cat", "dog") for n in range(6)))
    rows = [(f"{kind}/{n}.jpg", int(kind == "dog"), n // 2) for kind in ("cat", "dog") for n in range(6)]
    write(tmp_path, "labels.csv", "path,label", (row[:2] for row in rows))
    assert detect_layout(tmp_path).rule.labels == {"rule": "folder"}
    write(tmp_path, "labels.csv", "path,label,patient", rows)
    assert seen(tmp_path)[0]["group"] == "patient"


def test_tables_of_one_class_each_are_no_labels(tmp_path: Path) -> None:
    plant(tmp_path, *(f"JPEGImages/{n:06}.jpg" for n in range(12)))
    for kind, every in (("cat", 2), ("dog", 3)):
        for split, part in (("train", range(8)), ("val", range(8, 12))):
            rows = ((f"{n:06}", 1 if n % every else -1) for n in part)
            write(tmp_path, f"ImageSets/Main/{kind}_{split}.txt", "", rows, " ")
    with pytest.raises(DataError, match="of several tables that say different things of the same pictures"):
        detect_layout(tmp_path)


def test_lists_with_labels_are_tables_where_no_folder_says_them(tmp_path: Path) -> None:
    plant(tmp_path, *(f"img/{n:03}.jpg" for n in range(18)))
    for name, part in (("train", range(12)), ("test", range(12, 18))):
        write(tmp_path, f"{name}.txt", "", ((f"img/{n:03}.jpg", n % 3) for n in part), " ")
    table, classes, rows = seen(tmp_path)
    assert table["file"] == {"test": "test.txt", "train": "train.txt"}
    assert classes == {"0": 6, "1": 6, "2": 6}
    assert rows["path"][rows["split"] == "test"].tolist() == [f"img/{n:03}.jpg" for n in range(12, 18)]


def test_a_table_that_names_the_label_goes_before_one_that_does_not(tmp_path: Path) -> None:
    plant(tmp_path, *(f"{n:03}.jpg" for n in range(12)))
    write(tmp_path, "camera.csv", "file,lens", ((f"{n:03}.jpg", "xy"[n // 6]) for n in range(12)))
    write(tmp_path, "labels.csv", "file,label", ((f"{n:03}.jpg", "ab"[n % 2]) for n in range(9)))
    layout = detect_layout(tmp_path)
    assert layout.rule.labels["table"]["file"] == "labels.csv"
    assert "camera.csv: no column is called after a label, as one of another table is" in layout.rejected


def test_groups_that_an_official_split_tears_apart_are_told(tmp_path: Path) -> None:
    plant(tmp_path, *(f"{n:03}.jpg" for n in range(12)))
    rows = ((f"{n:03}.jpg", "ab"[n % 2], f"p{n // 3}", ("train", "test")[n > 6]) for n in range(12))
    write(tmp_path, "all.csv", "file,label,patient,split", rows)
    layout = detect_layout(tmp_path)
    assert layout.split["by"] == "column"
    assert "warning: 1 of 4 groups stand in several of its splits, which leaks" in layout.rule.notes
    assert layout.split_why == "the column split; valid drawn from train, in whole groups by the column patient"


def test_a_table_of_boxes_gives_several_labels_an_image(tmp_path: Path) -> None:
    plant(tmp_path, *(f"{n:03}.jpg" for n in range(9)))
    rows = ((f"{n % 9:03}.jpg", n, n, n + 9, n + 9, ("cat", "dog")[n % 2]) for n in range(14))
    write(tmp_path, "boxes.csv", "filename,xmin,ymin,xmax,ymax,class", rows)
    table, classes, labelled = seen(tmp_path)
    assert table["label"] == "class"
    assert classes == {"cat": 7, "dog": 7}
    assert labelled["labels"].tolist() == ["cat|dog"] * 5 + ["dog", "cat", "dog", "cat"]


def test_many_texts_beside_the_images_are_no_tables_and_many_tables_are_told(tmp_path: Path) -> None:
    plant(tmp_path, *(f"{kind}/{n:03}.{end}" for kind in "ab" for n in range(30) for end in ("jpg", "txt")))
    write(
        tmp_path, "labels.csv", "file,label", ((f"{kind}/{n:03}.jpg", "xy"[n % 2]) for kind in "ab" for n in range(30))
    )
    assert detect_layout(tmp_path).rule.classes == {"x": 30, "y": 30}
    plant(tmp_path, *(f"more/{n}.csv" for n in range(50)))
    layout = detect_layout(tmp_path)
    assert layout.rule.classes == {"a": 30, "b": 30}
    assert "51 tables: more than 50 are not looked at; name the one that is meant by hand" in layout.rejected


def test_groups_that_folders_tear_apart_are_told(tmp_path: Path) -> None:
    paths = [f"{('train', 'test')[n % 4 == 0]}/{n:03}.jpg" for n in range(12)]
    plant(tmp_path, *paths)
    rows = ((path, "ab"[n % 2], f"p{n // 2}") for n, path in enumerate(paths))
    write(tmp_path, "all.csv", "file,label,patient", rows)
    layout = detect_layout(tmp_path)
    assert layout.split["by"] == "folder"
    assert "warning: 3 of 6 groups stand in several of its splits, which leaks" in layout.rule.notes


@pytest.mark.parametrize(
    ("path", "found"),
    [
        ("train.csv", ("*.csv", "train")),
        ("Test.csv", ("*.csv", "Test")),
        ("train/metadata.csv", ("*/metadata.csv", "train")),
        ("ISIC_2019_Training_GroundTruth.csv", ("ISIC_2019_*_GroundTruth.csv", "Training")),
        ("TrainImages.txt", ("*Images.txt", "Train")),
        ("lists/val1.txt", ("lists/*1.txt", "val")),
        ("trainval.txt", ("*.txt", "trainval")),
        ("train/train.csv", ("*/*.csv", "train")),
        ("train_test_split.txt", None),
        ("trainer.csv", None),
        ("labels.csv", None),
    ],
)
def test_the_split_that_a_path_names(path: str, found: tuple[str, str] | None) -> None:
    assert split_in_name(path) == found
