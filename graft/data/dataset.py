"""The labelled pictures with their splits, as the stages after `split` see them."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from graft.core import tables
from graft.core.errors import DataError

SPLITS = ("train", "valid", "test")
"""The splits, which decide what the classes are; an image may also be excluded, in none of them."""
EXCLUDED = "aside"
"""The split of a labelled image that is in none of the three, for a reason that is reported."""

LABEL_DELIMITER = "|"
"""Stands between the labels of an image that may have several, in one cell of labels.csv."""

Targets = NDArray[np.int64] | NDArray[np.float32]
"""One label a picture: int64 `[N]`, places among the classes. Several: float32 `[N, K]`, 1 where a class holds."""


def is_multi_label(rows: pd.DataFrame) -> bool:
    """Whether a table such as labels.csv has any number of labels an image (`labels`), instead of one (`label`)."""
    return "label" not in rows.columns


def label_column(rows: pd.DataFrame) -> pd.Series:
    """The column of labels.csv that holds each image's label, or its labels joined by `LABEL_DELIMITER`."""
    return rows["labels" if is_multi_label(rows) else "label"]


@dataclass(frozen=True, slots=True)
class Dataset:
    """Labels and splits side by side.

    `rows` has the columns of labels.csv and `split`; `classes` are sorted by name, and a class's
    place among them is its target.
    """

    rows: pd.DataFrame
    classes: list[str]

    @property
    def multi_label(self) -> bool:
        """Whether a picture has any number of labels, instead of exactly one."""
        return is_multi_label(self.rows)

    def paths(self, *splits: str) -> list[str]:
        """Paths of the pictures of some splits, in order of path."""
        return self.rows.loc[self.rows["split"].isin(splits), "path"].tolist()

    def targets(self, *splits: str) -> Targets:
        """Targets of the same pictures, in the same order."""
        return targets(self.rows[self.rows["split"].isin(splits)], self.classes)


def read_dataset(labels: Path, split: Path) -> Dataset:
    """Join labels.csv and split.csv.

    Raises:
        DataError: the two do not name the same pictures, or there are no labels.
    """
    left, right = tables.read(labels), tables.read(split)
    if left["path"].tolist() != right["path"].tolist():
        raise DataError(f"{labels} and {split} do not name the same pictures; run `dvc repro`")
    if not {"label", "labels"} & set(left.columns):
        raise DataError(f"{labels} has the columns {', '.join(left.columns)}: neither label nor labels")
    rows = left.assign(split=right["split"])
    return Dataset(rows, _classes(rows[rows["split"].isin(SPLITS)]))


def _classes(rows: pd.DataFrame) -> list[str]:
    """Names that occur, sorted."""
    if not is_multi_label(rows):
        return sorted(rows["label"].unique())
    return sorted(set(rows["labels"].str.split(LABEL_DELIMITER, regex=False).explode()) - {""})


def targets(rows: pd.DataFrame, classes: list[str]) -> Targets:
    """Targets of some rows of labels.csv."""
    if not is_multi_label(rows):
        return np.asarray(pd.Categorical(rows["label"], classes).codes, dtype=np.int64)
    place = {name: number for number, name in enumerate(classes)}
    held = np.zeros((len(rows), len(classes)), dtype=np.float32)
    for row, text in enumerate(rows["labels"]):
        held[row, [place[name] for name in text.split(LABEL_DELIMITER) if name]] = 1
    return held
