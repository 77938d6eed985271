"""Pictures that the network can hardly tell apart and that are not known to be copies.

Features are hashed by the side of random planes they lie on: vectors at an angle a differ in about
64 a / pi of 64 bits. Pairs of hashes that differ in a few bits are found without comparing every
pair, and compared exactly.

Source: Charikar 2002, https://doi.org/10.1145/509907.509965.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Self

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.neighbors import NearestNeighbors

from graft.core.seeds import derive
from graft.data.arrays import Embeddings
from graft.data.dataset import SPLITS
from graft.heads.examples import Examples
from graft.index.hamming import BITS, HammingSearch

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


NEIGHBOURS = 10

REFERENCE = 5_000
"""Pictures among which neighbours are sought; of more, so many are drawn, and time grows with N, not N squared."""

FENCE = 1.5
"""Interquartile ranges above the third quartile from which on a distance is out of the ordinary.

Source: the inner fence of Tukey 1977, Exploratory Data Analysis.
"""


def outliers(paths: list[str], features: Standardised) -> pd.DataFrame:
    """Pictures beyond the fence, the farthest first, as columns path and score in [0, 1].

    The score is the share of a picture's distance that goes beyond the median one: 0.5 is twice as far
    as usual, 0.75 four times.
    """
    distances = neighbour_distances(features)
    first, usual, third = np.quantile(distances, (0.25, 0.5, 0.75))
    far = np.flatnonzero(distances > third + FENCE * (third - first))
    scores = (1 - usual / distances[far]).round(6)
    found = pd.DataFrame({"path": [paths[number] for number in far], "score": scores})
    return found.sort_values(["score", "path"], ascending=[False, True], ignore_index=True)


def neighbour_distances(features: Standardised) -> NDArray[np.float64]:
    """Mean distance `[N]` of every picture to its nearest neighbours, itself not among them."""
    drawn = np.random.default_rng(derive(0, "outliers")).permutation(len(features))[:REFERENCE]
    reference = np.sort(drawn)
    count = min(NEIGHBOURS, len(reference) - 1)
    # one more than wanted, since a picture of the reference finds itself
    search = NearestNeighbors(n_neighbors=count + 1, algorithm="brute").fit(features.read(reference))
    mean = np.empty(len(features))
    for numbers, chunk in features.chunks():
        distances, found = search.kneighbors(chunk)
        distances[reference[found] == numbers[:, None]] = np.inf
        mean[numbers] = np.sort(distances, axis=1)[:, :count].mean(1)
    return mean


SIMILAR = 0.95
"""Least cosine of two pictures' standardised features, 1 being the same."""

DISTANCE = 8
"""Bits in which their hashes may differ."""

TABLES = 3
"""Hashes of each picture: at the least cosine one of them misses a pair in five, all three one in a hundred."""

COMPARED = 512
"""Pairs whose features are in memory at once."""

KEPT = 100_000
"""Pairs gathered before all but the best of each picture are let go."""

Rows = NDArray[np.int64]


def near_duplicates(rows: pd.DataFrame, copies: pd.Series, features: Standardised) -> pd.DataFrame:
    """Pairs of similar pictures, as columns path, label, suggested, score (their cosine) and other.

    Pairs that lie in two splits or differ in label come first, the most similar of them at the top.
    Of a pair, `path` is the picture in train, or else valid, so that a cure leaves test as it is; each
    comes once, with the picture most like it. Where the labels differ, the other's is suggested. Where
    more than 512 hashes crowd together, some pairs are passed over, so that time stays in proportion.

    Args:
        rows: path, split and label of every picture.
        copies: duplicate group of every picture; two of one group are known to be copies.
    """
    place, label = rows["split"].map(SPLITS.index).to_numpy(), rows["label"].to_numpy()
    known = pd.factorize(copies)[0]
    nothing = np.empty(0, dtype=np.int64)
    pairs = [_compared(features, nothing, nothing)]
    for table in range(TABLES):
        for one, other in _alike(HammingSearch(_hashes(features, table), DISTANCE), known):
            pairs.append(_compared(features, one, other))
            if sum(map(len, pairs)) > KEPT:
                pairs = [_best(pairs, place, label)]
    best = _best(pairs, place, label)
    ours, theirs = best["one"].to_numpy(), best["other"].to_numpy()
    return pd.DataFrame(
        {
            "path": rows["path"].to_numpy()[ours],
            "label": label[ours],
            "suggested": np.where(label[ours] != label[theirs], label[theirs], ""),
            "score": best["score"],
            "other": rows["path"].to_numpy()[theirs],
        }
    )


def _hashes(features: Standardised, table: int) -> NDArray[np.uint64]:
    """Which side of each of 64 random planes every picture lies on, one bit a plane, `[N]`."""
    generator = np.random.default_rng(derive(0, "near-duplicates", table))
    planes = generator.standard_normal((features.embeddings.width, BITS), dtype=np.float32)
    hashes = np.empty(len(features), dtype=np.uint64)
    for numbers, chunk in features.chunks():
        hashes[numbers] = np.packbits(chunk @ planes > 0, axis=1).view(np.uint64)[:, 0]
    return hashes


def _alike(search: HammingSearch, known: Rows) -> Iterator[tuple[Rows, Rows]]:
    """Pairs with similar hashes that are not known to be copies, the lower number first."""
    for first, second in search.pairs():
        new = known[first] != known[second]
        one, other = first[new], second[new]
        yield np.minimum(one, other), np.maximum(one, other)


def _compared(features: Standardised, one: Rows, other: Rows) -> pd.DataFrame:
    """Those of some pairs that are similar, with their cosine."""
    cosine = np.empty(len(one))
    for start in range(0, len(one), COMPARED):
        some = slice(start, start + COMPARED)
        ours, theirs = features.read(one[some]), features.read(other[some])
        lengths = np.linalg.norm(ours, axis=1) * np.linalg.norm(theirs, axis=1)
        cosine[some] = np.einsum("ij,ij->i", ours, theirs) / np.maximum(lengths, np.finfo(np.float32).tiny)
    near = cosine >= SIMILAR
    return pd.DataFrame({"one": one[near], "other": other[near], "score": np.minimum(cosine[near], 1).round(6)})


def _best(pairs: list[pd.DataFrame], place: Rows, label: NDArray[np.str_]) -> pd.DataFrame:
    """The best pair of every picture, the most telling first; equals in the order of their paths."""
    found = pd.concat(pairs, ignore_index=True)
    one, other = found["one"].to_numpy(), found["other"].to_numpy()
    swap = place[one] > place[other]
    ours, theirs = np.where(swap, other, one), np.where(swap, one, other)
    telling = (place[ours] != place[theirs]) | (label[ours] != label[theirs])
    found = pd.DataFrame({"one": ours, "other": theirs, "score": found["score"], "telling": telling})
    order = found.sort_values(["telling", "score", "one", "other"], ascending=[False, False, True, True])
    return order.drop_duplicates("one", ignore_index=True)[["one", "other", "score"]]
