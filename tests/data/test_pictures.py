"""One split as training sees it: its pictures, its targets, in order of path."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch

from graft.core.errors import DataError
from graft.data.arrays import ImageRows
from graft.data.dataset import Dataset
from graft.data.labelled_images import LabelledImages

CPU = torch.device("cpu")


@pytest.fixture
def pixels(tmp_path: Path) -> ImageRows:
    """Five 2 x 2 pictures, each of one value, in an order unlike that of the labels."""
    values = np.array([50, 40, 30, 20, 10], dtype=np.uint8)
    np.save(tmp_path / "pixels.npy", np.broadcast_to(values[:, None, None, None], (5, 2, 2, 3)))
    (tmp_path / "rows.csv").write_text("path\n" + "".join(f"{name}\n" for name in "edcba"))
    return ImageRows(tmp_path / "pixels.npy")


def dataset(paths: str = "abcde") -> Dataset:
    """Labelled pictures, two in each split but the last."""
    labels = ["dog", "cat", "dog", "cat", "dog"]
    rows = pd.DataFrame({"path": list(paths), "label": labels, "split": ["train", "test", "train", "test", "valid"]})
    return Dataset(rows, ["cat", "dog"])


def test_a_split_has_its_rows_and_targets(pixels: ImageRows) -> None:
    train, test = (LabelledImages.of(pixels, dataset(), name) for name in ("train", "test"))
    assert train.rows.tolist() == [4, 2]
    assert train.targets.tolist() == [1, 1]
    assert test.rows.tolist() == [3, 1]
    assert test.targets.tolist() == [0, 0]
    assert len(train) == len(test) == 2
    assert len(LabelledImages.of(pixels, dataset(), "valid")) == 1


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
    train = LabelledImages.of(pixels, dataset(), "train", aspects)
    told = train.squeezed(np.array([1, 0]))
    assert told is not None
    assert told.tolist() == [1.5, 2.5]
    assert LabelledImages.of(pixels, dataset(), "train").squeezed(np.array([1, 0])) is None


def test_an_image_without_pixels_is_said(pixels: ImageRows) -> None:
    with pytest.raises(DataError, match="'z' is labelled but was never presized"):
        LabelledImages.of(pixels, dataset("abzde"), "train")


def test_several_labels_come_as_zeros_and_ones(pixels: ImageRows) -> None:
    rows = pd.DataFrame({"path": list("abc"), "labels": ["cat|dog", "", "dog"], "split": "train"})
    train = LabelledImages.of(pixels, Dataset(rows, ["cat", "dog"]), "train")
    images, targets = train.batch(np.array([2, 0]), CPU)
    assert images[:, 0, 0, 0].tolist() == [30, 10]
    assert targets.tolist() == [[0, 1], [1, 1]]
    assert targets.dtype == torch.float32
