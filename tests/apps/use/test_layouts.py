"""Layouts of folders that people have: the right classes and splits, and the stages make the same of them."""

from collections import Counter
from pathlib import Path

import pandas as pd
import pytest

from graft.apps.use.autodetect import Layout, detect_layout
from graft.apps.use.table_rules import read_labels
from graft.core.errors import DataError
from graft.core.params import check
from graft.data.raw import names
from graft.index.config import Index
from graft.split.assign import assign
from graft.split.config import Split
from tests.apps.use.trees import plant


def seen(root: Path) -> tuple[Layout, dict[str, int], Counter[str]]:
    """What is found, its classes, and the split that the stages give to how many images."""
    layout = detect_layout(root)
    index = check("index", Index, {"only": layout.only})
    images = [path for path in names(root) if index.takes(path) and path in {*layout.files.images}]
    assert images == layout.images
    rows = read_labels(layout.rule.labels, root, images).rows
    facts = pd.DataFrame({"sha256": rows["path"], "duplicate_group": rows["path"]})
    splits = assign(check("split", Split, layout.split), rows, facts)["split"]
    assert Counter(rows["label"][splits != "excluded"]) == layout.rule.classes
    return layout, dict(layout.rule.classes), Counter(splits)


def files(*folders: str, each: int = 6, name: str = "{}x.jpg") -> list[str]:
    """A few files in each folder, none named as one of another folder."""
    return [f"{folder}/{name.format(f'{rank}{n}q')}" for rank, folder in enumerate(folders) for n in range(each)]


def notes(layout: Layout) -> str:
    """All that is said of it."""
    return "\n".join((*layout.files.lines(), *layout.asides, *layout.rule.notes))


def test_class_names_that_tools_mangle_are_kept(tmp_path: Path) -> None:
    odd = [
        "NA",
        "null",
        "true",
        "1e3",
        "007",
        "7",
        "a|b",
        '"q"',
        "-x",
        "#h",
        "🐈",
        " lead",
        "train",
        "{path}",
        "new\nline",
    ]
    plant(tmp_path, *files(*odd))
    layout, classes, _ = seen(tmp_path)
    assert layout.rule.labels == {"rule": "folder"}
    assert classes == dict.fromkeys(odd, 6)


@pytest.mark.parametrize(
    ("folders", "train", "test"),
    [
        (["cats/train", "cats/test", "dogs/train", "dogs/test"], "cats/train", "cats/test"),
        (["d/training_set/cats", "d/training_set/dogs", "d/test_set/cats", "d/test_set/dogs"], "", ""),
        (["cars_train/cats", "cars_train/dogs", "cars_test/cats", "cars_test/dogs"], "", ""),
        (["Train/cats/images", "Train/dogs/images", "Test/cats/images", "Test/dogs/images"], "", ""),
    ],
)
def test_splits_are_read_by_word(tmp_path: Path, folders: list[str], train: str, test: str) -> None:
    plant(tmp_path, *files(*folders))
    layout, classes, splits = seen(tmp_path)
    assert layout.rule.labels == {"rule": "folder"}
    assert layout.split["by"] == "folder"
    assert classes == {"cats": 12, "dogs": 12}
    assert splits["test"] == 12
    assert train in layout.split_why
    assert test in layout.split_why


def test_scenes_in_seg_folders(tmp_path: Path) -> None:
    kinds = ("sea", "ice", "street")
    plant(tmp_path, *files(*(f"seg_{split}/seg_{split}/{kind}" for split in ("train", "test") for kind in kinds)))
    plant(tmp_path, *files("seg_pred/seg_pred", name="p{}.jpg"))
    layout, classes, splits = seen(tmp_path)
    assert classes == dict.fromkeys(kinds, 12)
    assert splits["test"] == 18
    assert "6 pictures get no label, such as 'seg_pred/seg_pred/p00q.jpg'" in notes(layout)


def test_unpacked_archives_of_train_and_test_with_classes_in_names(tmp_path: Path) -> None:
    plant(tmp_path, *(f"train/{kind}.{n}.jpg" for kind in ("cat", "dog") for n in range(9)))
    plant(tmp_path, *(f"test1/{n}.jpg" for n in range(1, 9)))
    layout, classes, splits = seen(tmp_path)
    assert classes == {"cat": 9, "dog": 9}
    assert splits.keys() == {"train", "valid", "test"}
    assert "8 pictures get no label, such as 'test1/1.jpg'" in notes(layout)


def test_images_beside_masks(tmp_path: Path) -> None:
    kinds = ("COVID", "Normal", "Viral Pneumonia")
    plant(
        tmp_path, *(f"{kind}/{part}/{kind}-{n}.png" for kind in kinds for part in ("images", "masks") for n in range(6))
    )
    layout, classes, _ = seen(tmp_path)
    assert (layout.rule.labels, layout.only) == ({"rule": "folder"}, ["!*/masks/*"])
    assert classes == dict.fromkeys(kinds, 6)
    assert "left out: 18 pictures, such as COVID/masks/COVID-0.png" in notes(layout)


def test_pets_with_trimaps_whatever_the_root(tmp_path: Path) -> None:
    for folder, end in (("images", "jpg"), ("annotations/trimaps", "png")):
        plant(tmp_path, *(f"pets/{folder}/{kind}_{n}.{end}" for kind in ("pug", "great_dane") for n in range(6)))
    for root in (tmp_path, tmp_path / "pets"):
        layout, classes, _ = seen(root)
        assert layout.rule.labels["rule"] == "regex"
        assert classes == {"pug": 6, "great_dane": 6}


def test_folders_of_masked_faces_are_classes(tmp_path: Path) -> None:
    for folders in (["masks/with_mask", "masks/without_mask"], ["mask", "no_mask"]):
        root = tmp_path / folders[0].replace("/", "-")
        plant(root, *files(*folders))
        layout, classes, _ = seen(root)
        assert classes == {folder.rpartition("/")[2]: 6 for folder in folders}
        assert layout.only == []


def test_examples_and_folders_at_another_level_are_no_classes(tmp_path: Path) -> None:
    plant(
        tmp_path, *files("d/train/cat", "d/train/dog", "d/test/cat", "d/test/dog", "d/Examples", "d/single_prediction")
    )
    layout, classes, _ = seen(tmp_path)
    assert classes == {"cat": 12, "dog": 12}
    assert layout.only == ["!*/Examples/*", "!/d/single_prediction/*"]
    assert "at another level than the classes: d/single_prediction (6 pictures)" in notes(layout)


def test_traffic_signs_without_their_tables(tmp_path: Path) -> None:
    plant(tmp_path, *(f"Train/{k}/{k:05}_{n // 3:05}_{n % 3:05}.png" for k in range(3) for n in range(12)))
    plant(tmp_path, *(f"Meta/{k}.png" for k in range(3)), *(f"Test/{n:05}.png" for n in range(9)))
    layout, classes, _ = seen(tmp_path)
    assert classes == {"0": 12, "1": 12, "2": 12}
    assert layout.only == ["!/Meta/*"]
    assert layout.split["by"] == "group"  # the frames of one sign
    assert "groups: 12 ids, such as '00000_00000', in the names of 36 pictures" in notes(layout)


def test_two_levels_of_folders(tmp_path: Path) -> None:
    plant(tmp_path, *files("animals/dog/husky", "animals/dog/pug", "animals/cat/siamese", "animals/cat/persian"))
    plant(tmp_path, *files("animals/cat", each=3, name="c{}.jpg"))
    layout, classes, _ = seen(tmp_path)
    assert classes == dict.fromkeys(("husky", "pug", "siamese", "persian"), 6)
    assert "left out, for they lie at another level than the classes: animals/cat (3 pictures)" in notes(layout)
    assert "of two levels of folders the inner one is the class" in notes(layout)


def test_domains_around_classes_are_a_slice(tmp_path: Path) -> None:
    domains, kinds = ("art_painting", "cartoon", "photo", "sketch"), ("dog", "house")
    plant(tmp_path, *files(*(f"PACS/{domain}/{kind}" for domain in domains for kind in kinds), each=4))
    layout, classes, _ = seen(tmp_path)
    assert classes == {"dog": 16, "house": 16}
    assert set(read_labels(layout.rule.labels, tmp_path, layout.images).rows["domain"]) == {*domains}
    assert "(art_painting, cartoon, photo, sketch) are kept as the slice 'domain'" in notes(layout)


def test_train_with_classes_and_valid_and_test_without(tmp_path: Path) -> None:
    kinds = ("n01443537", "n01629819")
    plant(tmp_path, *(f"train/{kind}/images/{kind}_{n}.JPEG" for kind in kinds for n in range(20)))
    plant(tmp_path, *(f"{split}/images/{split}_{n}.JPEG" for split in ("val", "test") for n in range(8)))
    (tmp_path / "val" / "val_annotations.txt").write_text(
        "".join(f"val_{n}.JPEG\t{kinds[n % 2]}\t0\t1\n" for n in range(8))
    )
    layout, classes, splits = seen(tmp_path)
    assert classes == dict.fromkeys(kinds, 20)
    assert layout.split["by"] == "random"
    assert splits.keys() == {"train", "valid", "test"}
    assert "16 pictures get no label, such as 'test/images/test_0.JPEG'" in notes(layout)


def test_a_stray_picture_and_names_of_cameras(tmp_path: Path) -> None:
    plant(
        tmp_path,
        *(
            f"{kind}/{('IMG', 'DSC')[n % 2]}_{n + 50 * k:04}.jpg"
            for k, kind in enumerate(("cats", "dogs"))
            for n in range(9)
        ),
    )
    plant(tmp_path, "preview_1.png")
    layout, classes, _ = seen(tmp_path)
    assert layout.rule.labels == {"rule": "folder"}
    assert classes == {"cats": 9, "dogs": 9}
    assert "1 pictures get no label, such as 'preview_1.png', which lies at the top of the source" in notes(layout)


def test_classes_of_one_or_two_pictures_are_left_out_and_named(tmp_path: Path) -> None:
    plant(tmp_path, *files(*(f"c{k}" for k in range(6)), each=5), "rare/1.jpg", "seldom/1.jpg", "seldom/2.jpg")
    layout, classes, _ = seen(tmp_path)
    assert layout.rule.labels == {"rule": "folder", "min_images": 3}
    assert classes == {f"c{k}": 5 for k in range(6)}
    assert "left out, for they hold fewer than 3 pictures: rare, seldom" in notes(layout)


def test_classes_that_differ_in_spelling_alone_are_warned_of(tmp_path: Path) -> None:
    plant(tmp_path, *files("train/cat", "train/Dog", "train/B\u00e4r", "val/cat ", "val/dog", "val/Ba\u0308r"))
    layout, classes, _ = seen(tmp_path)
    assert classes == {"cat": 6, "Dog": 6, "B\u00e4r": 12}
    assert "the classes 'Dog', 'dog' differ in case, white space or Unicode form only" in notes(layout)
    assert "set aside, for they are not in train: 'cat ', 'dog'" in notes(layout)


def test_linked_class_folders(tmp_path: Path) -> None:
    plant(tmp_path, *files("set/n01", "set/n02", "elsewhere/n03"))
    (tmp_path / "set" / "n03").symlink_to("../elsewhere/n03")
    layout, classes, _ = seen(tmp_path)
    assert classes == {"n01": 6, "n02": 6, "n03": 6}
    assert layout.only == ["!/set/n03/*"]
    layout, classes, _ = seen(tmp_path / "set")
    assert classes == {"n01": 6, "n02": 6}
    assert "'n03': links to folders outside, which are not followed" in notes(layout)


def test_a_folder_of_links_alone(tmp_path: Path) -> None:
    plant(tmp_path, *files("all/n01", "all/n02"))
    (tmp_path / "folders").mkdir()
    for kind in ("n01", "n02"):
        (tmp_path / "folders" / kind).symlink_to(f"../all/{kind}")
        (tmp_path / "files" / kind).mkdir(parents=True)
        for file in (tmp_path / "all" / kind).iterdir():
            (tmp_path / "files" / kind / file.name).symlink_to(file)
    with pytest.raises(DataError, match="'n01', 'n02': links to folders outside, which are not followed"):
        detect_layout(tmp_path / "folders")
    assert seen(tmp_path / "files")[1] == {"n01": 6, "n02": 6}


def test_labels_in_a_file_of_matlab_are_refused(tmp_path: Path) -> None:
    for split in ("train", "test"):
        plant(tmp_path, *(f"cars_{split}/cars_{split}/{n:05}.jpg" for n in range(9)))
    (tmp_path / "cars_annos.mat").write_bytes(b"MATLAB 5.0 MAT-file")
    with pytest.raises(DataError, match=r"nothing says their labels:\n  cars_annos.mat: a file of MATLAB is not read"):
        detect_layout(tmp_path)


def test_augmented_copies_of_an_export_are_groups(tmp_path: Path) -> None:
    for split, first in (("train", 0), ("valid", 9), ("test", 14)):
        for kind in ("ant", "bee"):
            plant(tmp_path, *(f"{split}/{kind}/{kind}{first + n // 3}_jpg.rf.{n:08x}.jpg" for n in range(15)))
    layout, classes, splits = seen(tmp_path)
    assert classes == {"ant": 45, "bee": 45}
    assert splits == {"train": 30, "valid": 30, "test": 30}
    assert "groups: 30 ids" in notes(layout)


def test_ids_of_patients_are_groups_and_said(tmp_path: Path) -> None:
    plant(tmp_path, *(f"{'ill' if p % 2 else 'well'}/person{p}_bacteria_{n}.jpeg" for p in range(20) for n in range(3)))
    layout, _, splits = seen(tmp_path)
    assert layout.split["by"] == "group"
    assert splits["test"] % 3 == 0
    assert "groups: 20 ids, such as 'person0', in the names of 60 pictures" in notes(layout)
