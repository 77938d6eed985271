"""The labelled pictures with their splits, as the stages after `split` see them."""

from dataclasses import dataclass
from pathlib import Path
from typing import Self

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray

from graft.core import tables
from graft.core.errors import DataError
from graft.data.arrays import PictureRows
from graft.split.config import NAMES

Targets = NDArray[np.int64] | NDArray[np.float32]
"""One label a picture: int64 `[N]`, places among the classes. Several: float32 `[N, K]`, 1 where a class holds."""


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
        return tables.is_multi_label(self.rows)

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
    return Dataset(rows, _classes(rows[rows["split"].isin(NAMES)]))


def _classes(rows: pd.DataFrame) -> list[str]:
    """Names that occur, sorted."""
    if not tables.is_multi_label(rows):
        return sorted(rows["label"].unique())
    return sorted(set(rows["labels"].str.split(tables.JOINED, regex=False).explode()) - {""})


def targets(rows: pd.DataFrame, classes: list[str]) -> Targets:
    """Targets of some rows of labels.csv."""
    if not tables.is_multi_label(rows):
        return np.asarray(pd.Categorical(rows["label"], classes).codes, dtype=np.int64)
    place = {name: number for number, name in enumerate(classes)}
    held = np.zeros((len(rows), len(classes)), dtype=np.float32)
    for row, text in enumerate(rows["labels"]):
        held[row, [place[name] for name in text.split(tables.JOINED) if name]] = 1
    return held


@dataclass(frozen=True, slots=True)
class Pictures:
    """`pixels` of all pictures; `rows` `[N]` of those meant, and their `targets`.

    `aspects` `[N]` are width over height of what their squares show; None where nothing is squeezed.
    """

    pixels: PictureRows
    rows: NDArray[np.int64]
    targets: Targets
    aspects: NDArray[np.float32] | None = None

    @classmethod
    def of(cls, pixels: PictureRows, dataset: Dataset, split: str, aspects: NDArray[np.float32] | None = None) -> Self:
        """Take the pictures of one split, in order of path; `aspects` are of all rows of `pixels`."""
        rows = pixels.find(dataset.paths(split))
        return cls(pixels, rows, dataset.targets(split), None if aspects is None else aspects[rows])

    def batch(self, places: NDArray[np.int64], device: torch.device) -> tuple[torch.Tensor, torch.Tensor]:
        """Bring some of them to a device: pixels `[B, S, S, 3]` uint8, targets `[B]` int64 or `[B, K]` float32."""
        pixels = torch.from_numpy(self.pixels.read(self.rows[places]))
        return pixels.to(device), torch.from_numpy(self.targets[places]).to(device)

    def squeezed(self, places: NDArray[np.int64]) -> torch.Tensor | None:
        """Width over height of what some of the squares show, `[B]` float32, on the CPU; None if none is squeezed."""
        return None if self.aspects is None else torch.from_numpy(self.aspects[places])

    def __len__(self) -> int:
        return len(self.rows)
