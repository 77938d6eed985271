"""Folders are read by the words of their names and by what lies beside them."""

import pytest

from graft.data.folders import read_folders, split_folders, words

TRAIN_TEST = {"train": "train", "test": "test"}


def classes(*folders: str) -> dict[str, str]:
    """Folder that names the class of the images in each folder."""
    return read_folders(f"{folder}/x.jpg" if folder else "x.jpg" for folder in folders).classes


def splits(*folders: str) -> dict[str, str]:
    """Folders that are splits."""
    return split_folders(f"{folder}/x.jpg" for folder in folders)


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("seg_train", ["seg", "train"]),
        ("trainingSet", ["training", "set"]),
        ("JPEGImages", ["jpeg", "images"]),
        ("test1", ["test", "1"]),
        ("MNIST - JPG - testing", ["mnist", "jpg", "testing"]),
        ("Bär.2", ["bär", "2"]),
        ("007", ["007"]),
        ("%", []),
    ],
)
def test_words(name: str, said: list[str]) -> None:
    assert words(name) == said


@pytest.mark.parametrize(
    ("folders", "expected"),
    [
        (["train/cat", "test/cat"], TRAIN_TEST),
        (["Train/cat", "Valid/cat", "TEST/cat"], {"Train": "train", "Valid": "valid", "TEST": "test"}),
        (["seg_train/seg_train/sea", "seg_test/seg_test/sea", "seg_pred"], {"seg_train": "train", "seg_test": "test"}),
        (["d/training_set/cat", "d/test_set/cat"], {"d/training_set": "train", "d/test_set": "test"}),
        (["cars_train", "cars_test"], {"cars_train": "train", "cars_test": "test"}),
        (["train2017", "val2017"], {"train2017": "train", "val2017": "valid"}),
        (["train", "test1"], {"train": "train", "test1": "test"}),
        (["train_val/a", "test/a"], {"train_val": "train", "test": "test"}),
        (["trainset/a", "testset/a"], {"trainset": "train", "testset": "test"}),
        (
            ["cats/train", "cats/test", "dogs/train"],
            {"cats/train": "train", "cats/test": "test", "dogs/train": "train"},
        ),
        (["train/cat", "train/dog"], {"train": "train"}),
        (["trains", "buses"], {}),
        (["train", "bus"], {}),
        (["test_tube", "training_shoes"], {}),
        (["train/train", "train/bus", "test/train", "test/bus"], TRAIN_TEST),
    ],
)
def test_splits(folders: list[str], expected: dict[str, str]) -> None:
    assert splits(*folders) == expected


@pytest.mark.parametrize(
    ("folders", "expected"),
    [
        (["cat", "dog", ""], ["cat", "dog", ""]),
        (["0", "1", "2_3"], ["0", "1", "2_3"]),
        (["train", "bus"], ["train", "bus"]),
        (["cats/train", "cats/test", "dogs/train"], ["cats", "cats", "dogs"]),
        (["COVID/images", "Viral Pneumonia/images"], ["COVID", "Viral Pneumonia"]),
        (["train/n1/images", "train/n2/images", "val/images"], ["train/n1", "train/n2", ""]),
        (["train", "test1"], ["", ""]),
        (["seg_train/seg_train/sea", "seg_test/seg_test/sea", "seg_pred/seg_pred"], ["seg_train/seg_train/sea"]),
        (["cars_train/cars_train", "cars_test/cars_test"], ["", ""]),
        (["pets/images"], [""]),
        (["x/train/bot", "x/train/cat", "x/test"], ["x/train/bot", "x/train/cat", ""]),
        (["HAM10000_images_part_1", "HAM10000_images_part_2"], ["", ""]),
        (["images_001/images", "images_002/images"], ["", ""]),
        (["cat_images", "dog_images"], ["cat_images", "dog_images"]),
        (["cat_images/img", "dog_images/img"], ["cat_images", "dog_images"]),
        (["data/cat", "data/dog"], ["data/cat", "data/dog"]),
        (["photo/dog", "sketch/dog"], ["photo/dog", "sketch/dog"]),
        (["ill/patient_01", "ill/patient_02", "well/patient_03"], ["ill", "ill", "well"]),
        (["plant1", "plant2"], ["plant1", "plant2"]),
        (["masks/with_mask", "masks/without_mask"], ["masks/with_mask", "masks/without_mask"]),
        (["%", "#"], ["%", "#"]),
    ],
)
def test_classes(folders: list[str], expected: list[str]) -> None:
    found = classes(*folders)
    assert [found[folder] for folder in folders][: len(expected)] == expected


def test_an_unlabelled_folder_beside_splits_is_no_class() -> None:
    assert classes("seg_train/sea", "seg_test/sea", "seg_pred")["seg_pred"] == ""


def test_the_order_of_the_images_does_not_count() -> None:
    paths = ["b/train/1.jpg", "a/2.jpg", "b/test/x/3.jpg", "images/4.jpg"]
    assert read_folders(paths) == read_folders(reversed(paths))
