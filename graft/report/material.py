"""All that is known of the pictures, as the earlier stages left it."""

from dataclasses import dataclass
from pathlib import Path
from typing import Self

import pandas as pd

from graft.core import tables
from graft.data.arrays import Embeddings, ImageRows
from graft.data.dataset import Dataset, LabelledImages, read_dataset


@dataclass(frozen=True, slots=True)
class Material:
    """Pictures with what is stored and said of them.

    Attributes:
        pixels, embeddings: of every picture.
        dataset: all labelled pictures with their splits.
        copies: duplicate group of every row of `dataset`.
    """

    pixels: ImageRows
    embeddings: Embeddings
    dataset: Dataset
    copies: pd.Series

    @classmethod
    def read(cls, presized: Path, embeddings: Path, images: Path, labels: Path, split: Path) -> Self:
        """Open what presize, embed, index and split wrote."""
        dataset = read_dataset(labels, split)
        copies = tables.read(images, ["path", "duplicate_group"]).set_index("path")["duplicate_group"]
        copies = copies.loc[dataset.rows["path"]].reset_index(drop=True)
        return cls(ImageRows(presized / "pixels.npy"), Embeddings(embeddings / "features.npy"), dataset, copies)

    def images(self, split: str) -> LabelledImages:
        """The pictures of one split with their targets, in order of path."""
        return LabelledImages.of(self.pixels, self.dataset, split)

    def rows(self, split: str) -> pd.DataFrame:
        """Their rows of labels.csv."""
        return self.dataset.rows[self.dataset.rows["split"] == split].reset_index(drop=True)
