"""The labelled images with their splits, as the stages after `split` see them."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Self

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from graft.core import tables
from graft.core.errors import DataError
from graft.data.arrays import ImageRows

if TYPE_CHECKING:
    import torch

SPLITS = ("train", "valid", "test")
"""The splits, which decide what the classes are; an image may also be excluded, in none of them."""
EXCLUDED = "excluded"
"""The split of a labelled image that is in none of the three, for a reason that is reported."""
SPLIT_ALIASES = {
    **dict.fromkeys(("train", "training", "trainval"), "train"),
    **dict.fromkeys(("valid", "val", "validation", "dev"), "valid"),
    **dict.fromkeys(("test", "testing"), "test"),
}
"""The split that each usual name of one means, in lower case."""

LABEL_DELIMITER = "|"
"""Stands between the labels of an image that may have several, in one cell of labels.csv."""

Targets = NDArray[np.int64] | NDArray[np.float32]
"""One label an image: int64 `[N]`, indices of classes. Several: float32 `[N, K]`, 1 where a class holds."""


def is_multi_label(rows: pd.DataFrame) -> bool:
    """Whether a table such as labels.csv has any number of labels an image (`labels`), instead of one (`label`)."""
    return "label" not in rows.columns


def label_column(rows: pd.DataFrame) -> pd.Series:
    """The column of labels.csv that holds each image's label, or its labels joined by `LABEL_DELIMITER`."""
    return rows["labels" if is_multi_label(rows) else "label"]


def class_names(rows: pd.DataFrame) -> pd.Series:
    """Class of each row; a row of several labels has an entry for each, one of none an empty text."""
    labels = label_column(rows)
    return labels.str.split(LABEL_DELIMITER, regex=False).explode() if is_multi_label(rows) else labels


@dataclass(frozen=True, slots=True)
class Dataset:
    """Rows of labels.csv with the column `split`, and classes sorted by name: a class's index is its target."""

    rows: pd.DataFrame
    classes: list[str]

    @property
    def multi_label(self) -> bool:
        """Whether an image has any number of labels, instead of exactly one."""
        return is_multi_label(self.rows)

    def paths(self, *splits: str) -> list[str]:
        """Paths of the images of some splits, in order of path."""
        return self.rows.loc[self.rows["split"].isin(splits), "path"].tolist()

    def targets(self, *splits: str) -> Targets:
        """Targets of the same images, in the same order."""
        return targets(self.rows[self.rows["split"].isin(splits)], self.classes)


def read_dataset(labels: Path, split: Path) -> Dataset:
    """Join labels.csv and split.csv.

    Raises:
        DataError: the two do not name the same images, or there are no labels.
    """
    left, right = tables.read(labels), tables.read(split)
    if left["path"].tolist() != right["path"].tolist():
        raise DataError(f"{labels} and {split} do not name the same pictures; run `dvc repro`")
    if not {"label", "labels"} & set(left.columns):
        raise DataError(f"{labels} has the columns {', '.join(left.columns)}: neither label nor labels")
    rows = left.assign(split=right["split"])
    return Dataset(rows, sorted(set(class_names(rows[rows["split"].isin(SPLITS)])) - {""}))


def read_duplicate_groups(images: Path, dataset: Dataset) -> pd.Series:
    """Read the duplicate group of every row of a dataset from images.csv."""
    groups = tables.read(images, ["path", "duplicate_group"]).set_index("path")["duplicate_group"]
    return groups.loc[dataset.rows["path"]].reset_index(drop=True)


def targets(rows: pd.DataFrame, classes: list[str]) -> Targets:
    """Targets of some rows of labels.csv."""
    if not is_multi_label(rows):
        return np.asarray(pd.Categorical(rows["label"], classes).codes, dtype=np.int64)
    index = {name: number for number, name in enumerate(classes)}
    held = np.zeros((len(rows), len(classes)), dtype=np.float32)
    for row, text in enumerate(rows["labels"]):
        held[row, [index[name] for name in text.split(LABEL_DELIMITER) if name]] = 1
    return held


@dataclass(frozen=True, slots=True)
class LabelledImages:
    """Presized images of a split, rows `[N]` of the pixels of all, with their targets.

    `aspects` `[N]` are width over height of what their squares show; None where nothing is squeezed.
    """

    pixels: ImageRows
    rows: NDArray[np.int64]
    targets: Targets
    aspects: NDArray[np.float32] | None = None

    @classmethod
    def of(
        cls,
        pixels: ImageRows,
        dataset: Dataset,
        split: str | tuple[str, ...],
        aspects: NDArray[np.float32] | None = None,
    ) -> Self:
        """Take the images of a split, or of several, in order of path; `aspects` are of all rows of `pixels`."""
        splits = (split,) if isinstance(split, str) else split
        rows = pixels.find(dataset.paths(*splits))
        return cls(pixels, rows, dataset.targets(*splits), None if aspects is None else aspects[rows])

    def batch(self, positions: NDArray[np.int64], device: "torch.device") -> "tuple[torch.Tensor, torch.Tensor]":
        """Bring some of them to a device: pixels `[B, S, S, 3]` uint8, targets `[B]` int64 or `[B, K]` float32."""
        import torch  # late: stages without a network read the tables above

        pixels = torch.from_numpy(self.pixels.read(self.rows[positions]))
        return pixels.to(device), torch.from_numpy(self.targets[positions]).to(device)

    def squeezed(self, positions: NDArray[np.int64]) -> "torch.Tensor | None":
        """Width over height of what some of the squares show, `[B]` float32, on the CPU; None if none is squeezed."""
        import torch  # late, as above

        return None if self.aspects is None else torch.from_numpy(self.aspects[positions])

    def __len__(self) -> int:
        return len(self.rows)
