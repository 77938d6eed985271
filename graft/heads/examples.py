"""The images of one split as rows of stored features, beside their targets."""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from typing import Self

import numpy as np
import torch
from numpy.typing import NDArray

from graft.data.arrays import Embeddings
from graft.data.dataset import Dataset, Targets

CHUNK = 4096
"""Rows read at once where order does not matter."""


@dataclass(frozen=True, slots=True)
class Examples:
    """Stored flips of some images: of every image of `rows` `[N]` the first `flips`, and their `targets`.

    Examples are numbered image by image, the flips of each in order.
    """

    embeddings: Embeddings
    rows: NDArray[np.int64]
    targets: Targets
    flips: int

    @classmethod
    def train(cls, embeddings: Embeddings, dataset: Dataset, *splits: str) -> Self:
        """All flips of the training images, or of other splits."""
        splits = splits or ("train",)
        return cls(embeddings, embeddings.find(dataset.paths(*splits)), dataset.targets(*splits), embeddings.views)

    @classmethod
    def valid(cls, embeddings: Embeddings, dataset: Dataset) -> Self:
        """The validation images as they are."""
        return cls(embeddings, embeddings.find(dataset.paths("valid")), dataset.targets("valid"), 1)

    def at(self, chosen: NDArray[np.bool_], targets: Targets) -> Self:
        """The images of a mask `[N]`, all flips of each, with targets of their own."""
        return type(self)(self.embeddings, self.rows[chosen], targets, self.flips)

    def plain(self) -> Self:
        """The same images as they are."""
        return type(self)(self.embeddings, self.rows, self.targets, 1)

    def __len__(self) -> int:
        return len(self.rows) * self.flips

    def read(self, indices: NDArray[np.int64]) -> tuple[torch.Tensor, torch.Tensor]:
        """Features `[B, D]` of some examples and their targets, `[B]` or `[B, K]`."""
        images, flips = np.divmod(indices, self.flips)
        features = self.embeddings.at(self.rows[images], flips)
        return torch.from_numpy(features), torch.from_numpy(self.targets[images])

    def chunks(self) -> Iterator[tuple[torch.Tensor, torch.Tensor]]:
        """Read all of them in order, a chunk at a time."""
        for start, stop in pairwise([*range(0, len(self), CHUNK), len(self)]):
            yield self.read(np.arange(start, stop))

    def moments(self) -> tuple[torch.Tensor, torch.Tensor]:
        """Mean and standard deviation of each feature, both `[D]`, float32.

        A feature that never varies gets the deviation 1: it then stays 0 and says nothing.
        """
        total = np.zeros(self.embeddings.width)
        squares = np.zeros_like(total)
        for features, _ in self.chunks():
            total += features.numpy().sum(0, dtype=np.float64)
        mean = total / len(self)
        for features, _ in self.chunks():
            squares += np.square(features.numpy() - mean).sum(0)
        scale = np.sqrt(squares / len(self))
        scale[scale < 1e-6] = 1
        return torch.from_numpy(mean).float(), torch.from_numpy(scale).float()
