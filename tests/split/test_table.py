"""Labels and splits come back side by side, targets following the sorted classes."""

from pathlib import Path

import numpy as np
import pytest

from graft.errors import DataError
from graft.split.table import Dataset, read_dataset


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
def test_tables_of_other_pictures_are_refused(tmp_path: Path, paths: str) -> None:
    (tmp_path / "labels.csv").write_text("path,label\na,x\nb,y\nc,x\n")
    (tmp_path / "split.csv").write_text("path,split\n" + "".join(f"{path},train\n" for path in paths.split(",")))
    with pytest.raises(DataError, match=r"labels\.csv and .*split\.csv do not name the same pictures; run `dvc repro`"):
        read_dataset(tmp_path / "labels.csv", tmp_path / "split.csv")
