"""Stored features, standardised, some pictures at a time."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Self

import numpy as np
from numpy.typing import NDArray

from graft.model.embeddings import Embeddings
from graft.train.examples import Examples

CHUNK = 2048
"""Pictures read at once."""


@dataclass(frozen=True, slots=True)
class Standardised:
    """The plain view's features of some pictures, each feature less its mean, over its deviation.

    Attributes:
        places: row of every picture in `embeddings`, `[N]`.
        mean, scale: of each feature over these pictures, `[D]`.
    """

    embeddings: Embeddings
    places: NDArray[np.int64]
    mean: NDArray[np.float32]
    scale: NDArray[np.float32]

    @classmethod
    def of(cls, embeddings: Embeddings, paths: Sequence[str]) -> Self:
        """Those of the pictures named."""
        places = embeddings.find(paths)
        mean, scale = Examples(embeddings, places, np.zeros(len(places), dtype=np.int64), 1).moments()
        return cls(embeddings, places, mean.numpy(), scale.numpy())

    def __len__(self) -> int:
        return len(self.places)

    def read(self, numbers: NDArray[np.int64]) -> NDArray[np.float32]:
        """Read the features `[B, D]` of the pictures of these numbers."""
        features = self.embeddings.plain(self.places[numbers])
        features -= self.mean
        features /= self.scale
        return features

    def chunks(self) -> Iterator[tuple[NDArray[np.int64], NDArray[np.float32]]]:
        """Read all of them in order: numbers `[B]` and features `[B, D]`."""
        for start, stop in pairwise([*range(0, len(self), CHUNK), len(self)]):
            numbers = np.arange(start, stop)
            yield numbers, self.read(numbers)
