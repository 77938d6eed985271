"""The labelled pictures with their splits, as the stages after `split` see them."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from graft import tables
from graft.errors import DataError


@dataclass(frozen=True, slots=True)
class Dataset:
    """Labels and splits side by side.

    `rows` has the columns of labels.csv and `split`; `classes` are sorted by name, and a class's
    place among them is its target.
    """

    rows: pd.DataFrame
    classes: list[str]

    def paths(self, *splits: str) -> list[str]:
        """Paths of the pictures of some splits, in order of path."""
        return self.rows.loc[self.rows["split"].isin(splits), "path"].tolist()

    def targets(self, *splits: str) -> NDArray[np.int64]:
        """Targets of the same pictures, in the same order."""
        labels = self.rows.loc[self.rows["split"].isin(splits), "label"]
        return np.asarray(pd.Categorical(labels, self.classes).codes, dtype=np.int64)


def read_dataset(labels: Path, split: Path) -> Dataset:
    """Join labels.csv and split.csv.

    Raises:
        DataError: the two do not name the same pictures.
    """
    left, right = tables.read(labels), tables.read(split)
    if left["path"].tolist() != right["path"].tolist():
        raise DataError(f"{labels} and {split} do not name the same pictures; run `dvc repro`")
    rows = left.assign(split=right["split"])
    return Dataset(rows, sorted(rows["label"].unique()))
