"""Labels and splits side by side; one split as training sees it."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch

from graft.core.errors import DataError
from graft.data.arrays import ImageRows
from graft.data.dataset import Dataset, LabelledImages, read_dataset, targets


@pytest.fixture
def dataset(tmp_path: Path) -> Dataset:
    """Five pictures of three classes."""
    (tmp_path / "labels.csv").write_text("path,label,group\na,dog,\nb,NA,g\nc,cat,\nd,dog,g\ne,cat,\n")
    (tmp_path / "split.csv").write_text("path,split\na,train\nb,test\nc,train\nd,valid\ne,test\n")
    return read_dataset(tmp_path / "labels.csv", tmp_path / "split.csv")


def test_classes_are_sorted_by_name(dataset: Dataset) -> None:
    assert dataset.classes == ["NA", "cat", "dog"]
    assert dataset.rows.columns.tolist() == ["path", "label", "group", "split"]


@pytest.mark.parametrize(
    ("splits", "paths", "targets"),
    [
        (("train",), ["a", "c"], [2, 1]),
        (("valid",), ["d"], [2]),
        (("test",), ["b", "e"], [0, 1]),
        (("test", "train"), ["a", "b", "c", "e"], [2, 0, 1, 1]),
        (("none",), [], []),
    ],
    ids=["train", "valid", "test", "two", "unknown"],
)
def test_paths_and_targets_agree(
    dataset: Dataset, splits: tuple[str, ...], paths: list[str], targets: list[int]
) -> None:
    assert dataset.paths(*splits) == paths
    assert dataset.targets(*splits).tolist() == targets
    assert dataset.targets(*splits).dtype == np.int64


@pytest.mark.parametrize("paths", ["a,b", "b,a,c", "a,b,c,d"], ids=["fewer", "another order", "more"])
def test_tables_of_other_images_are_refused(tmp_path: Path, paths: str) -> None:
    (tmp_path / "labels.csv").write_text("path,label\na,x\nb,y\nc,x\n")
    (tmp_path / "split.csv").write_text("path,split\n" + "".join(f"{path},train\n" for path in paths.split(",")))
    with pytest.raises(DataError, match=r"labels\.csv and .*split\.csv do not name the same pictures; run `dvc repro`"):
        read_dataset(tmp_path / "labels.csv", tmp_path / "split.csv")


@pytest.fixture
def scenes(tmp_path: Path) -> Dataset:
    """Five pictures with any number of three classes; `fog` occurs on one that is excluded."""
    (tmp_path / "labels.csv").write_text("path,labels,group\na,clear,\nb,,\nc,clear|haze,\nd,fog|haze,\ne,haze|NA,\n")
    (tmp_path / "split.csv").write_text("path,split\na,train\nb,train\nc,valid\nd,excluded\ne,test\n")
    return read_dataset(tmp_path / "labels.csv", tmp_path / "split.csv")


def test_several_labels_become_zeros_and_ones(scenes: Dataset) -> None:
    assert scenes.multi_label
    assert scenes.classes == ["NA", "clear", "haze"]
    found = scenes.targets("train", "valid", "test")
    assert found.dtype == np.float32
    assert found.tolist() == [[0, 1, 0], [0, 0, 0], [0, 1, 1], [1, 0, 1]]
    assert scenes.targets("none").shape == (0, 3)


def test_what_lies_aside_is_in_no_split_and_makes_no_class(scenes: Dataset, tmp_path: Path) -> None:
    assert scenes.paths("train", "valid", "test") == ["a", "b", "c", "e"]
    (tmp_path / "labels.csv").write_text("path,label\na,cat\nb,a|b\nc,cat\nd,owl\n")
    (tmp_path / "split.csv").write_text("path,split\na,train\nb,valid\nc,test\nd,excluded\n")
    single = read_dataset(tmp_path / "labels.csv", tmp_path / "split.csv")
    assert not single.multi_label
    assert single.classes == ["a|b", "cat"]  # one name, whatever is in it
    assert single.targets("train", "valid", "test").tolist() == [1, 0, 1]


def test_a_slice_may_be_called_labels(dataset: Dataset) -> None:
    rows = dataset.rows.assign(labels="x|y")
    assert not Dataset(rows, dataset.classes).multi_label
    assert targets(rows, dataset.classes).tolist() == [2, 0, 1, 2, 1]


def test_a_table_without_labels_is_refused(tmp_path: Path) -> None:
    (tmp_path / "labels.csv").write_text("path,lable\na,x\n")
    (tmp_path / "split.csv").write_text("path,split\na,train\n")
    with pytest.raises(DataError, match="has the columns path, lable: neither label nor labels"):
        read_dataset(tmp_path / "labels.csv", tmp_path / "split.csv")


CPU = torch.device("cpu")


@pytest.fixture
def pixels(tmp_path: Path) -> ImageRows:
    """Five 2 x 2 pictures, each of one value, in an order unlike that of the labels."""
    values = np.array([50, 40, 30, 20, 10], dtype=np.uint8)
    np.save(tmp_path / "pixels.npy", np.broadcast_to(values[:, None, None, None], (5, 2, 2, 3)))
    (tmp_path / "rows.csv").write_text("path\n" + "".join(f"{name}\n" for name in "edcba"))
    return ImageRows(tmp_path / "pixels.npy")


def labelled(paths: str = "abcde") -> Dataset:
    """Labelled pictures, two in each split but the last."""
    labels = ["dog", "cat", "dog", "cat", "dog"]
    rows = pd.DataFrame({"path": list(paths), "label": labels, "split": ["train", "test", "train", "test", "valid"]})
    return Dataset(rows, ["cat", "dog"])


def test_a_split_has_its_rows_and_targets(pixels: ImageRows) -> None:
    train, test = (LabelledImages.of(pixels, labelled(), name) for name in ("train", "test"))
    assert train.rows.tolist() == [4, 2]
    assert train.targets.tolist() == [1, 1]
    assert test.rows.tolist() == [3, 1]
    assert test.targets.tolist() == [0, 0]
    assert len(train) == len(test) == 2
    assert len(LabelledImages.of(pixels, labelled(), "valid")) == 1


def test_a_batch_pairs_pixels_with_targets(pixels: ImageRows) -> None:
    everything = LabelledImages(pixels, np.array([4, 3, 2, 1, 0]), np.array([1, 0, 1, 0, 1]))
    images, targets = everything.batch(np.array([3, 0]), CPU)
    assert images.shape == (2, 2, 2, 3)
    assert images.dtype == torch.uint8
    assert images[:, 0, 0, 0].tolist() == [40, 10]
    assert targets.tolist() == [0, 1]
    assert targets.dtype == torch.int64


def test_a_split_knows_how_its_squares_are_squeezed(pixels: ImageRows) -> None:
    aspects = np.array([0.5, 1.0, 1.5, 2.0, 2.5], dtype=np.float32)
    train = LabelledImages.of(pixels, labelled(), "train", aspects)
    told = train.squeezed(np.array([1, 0]))
    assert told is not None
    assert told.tolist() == [1.5, 2.5]
    assert LabelledImages.of(pixels, labelled(), "train").squeezed(np.array([1, 0])) is None


def test_an_image_without_pixels_is_said(pixels: ImageRows) -> None:
    with pytest.raises(DataError, match="'z' is labelled but was never presized"):
        LabelledImages.of(pixels, labelled("abzde"), "train")


def test_several_labels_come_as_zeros_and_ones(pixels: ImageRows) -> None:
    rows = pd.DataFrame({"path": list("abc"), "labels": ["cat|dog", "", "dog"], "split": "train"})
    train = LabelledImages.of(pixels, Dataset(rows, ["cat", "dog"]), "train")
    images, targets = train.batch(np.array([2, 0]), CPU)
    assert images[:, 0, 0, 0].tolist() == [30, 10]
    assert targets.tolist() == [[0, 1], [1, 1]]
    assert targets.dtype == torch.float32
