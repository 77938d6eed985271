"""Images by their neighbours among stored features: near duplicates that are no known copies, and outliers.

For near duplicates, features are hashed by the side of random planes they lie on: vectors at an angle a differ in about
64 a / pi of 64 bits. Pairs of hashes that differ in a few bits are found without comparing every
pair, and compared exactly.

Source: Charikar 2002, https://doi.org/10.1145/509907.509965.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
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
"""Images read at once."""


@dataclass(frozen=True, slots=True)
class Standardised:
    """The plain view's features of some images, each feature less its mean, over its deviation.

    Attributes:
        rows: row of every image in `embeddings`, `[N]`.
        mean, scale: of each feature over these images, `[D]`.
    """

    embeddings: Embeddings
    rows: NDArray[np.int64]
    mean: NDArray[np.float32]
    scale: NDArray[np.float32]

    @classmethod
    def of(cls, embeddings: Embeddings, paths: Sequence[str]) -> Self:
        """Those of the images named."""
        rows = embeddings.find(paths)
        mean, scale = Examples(embeddings, rows, np.zeros(len(rows), dtype=np.int64), 1).moments()
        return cls(embeddings, rows, mean.numpy(), scale.numpy())

    def __len__(self) -> int:
        return len(self.rows)

    def read(self, numbers: NDArray[np.int64]) -> NDArray[np.float32]:
        """Read the features `[B, D]` of the images of these numbers."""
        features = self.embeddings.plain(self.rows[numbers])
        features -= self.mean
        features /= self.scale
        return features

    def chunks(self) -> Iterator[tuple[NDArray[np.int64], NDArray[np.float32]]]:
        """Read all of them in order: numbers `[B]` and features `[B, D]`."""
        for start in range(0, len(self), CHUNK):
            numbers = np.arange(start, min(start + CHUNK, len(self)))
            yield numbers, self.read(numbers)


NEIGHBOURS = 10

REFERENCE = 5_000
"""Images among which neighbours are sought; of more, so many are drawn, and time grows with N, not N squared."""

FENCE = 1.5
"""Interquartile ranges above the third quartile from which on a distance is out of the ordinary.

Source: the inner fence of Tukey 1977, Exploratory Data Analysis.
"""


def outliers(paths: list[str], features: Standardised) -> pd.DataFrame:
    """Images beyond the fence, the farthest first, as columns path and score in [0, 1].

    The score is the share of an image's distance that goes beyond the median one: 0.5 is twice as far
    as usual, 0.75 four times.
    """
    distances = neighbour_distances(features)
    first, usual, third = np.quantile(distances, (0.25, 0.5, 0.75))
    far = np.flatnonzero(distances > third + FENCE * (third - first))
    scores = (1 - usual / distances[far]).round(6)
    found = pd.DataFrame({"path": [paths[number] for number in far], "score": scores})
    return found.sort_values(["score", "path"], ascending=[False, True], ignore_index=True)


def neighbour_distances(features: Standardised) -> NDArray[np.float64]:
    """Mean distance `[N]` of every image to its nearest neighbours, itself not among them."""
    drawn = np.random.default_rng(derive(0, "outliers")).permutation(len(features))[:REFERENCE]
    reference = np.sort(drawn)
    count = min(NEIGHBOURS, len(reference) - 1)
    # one more than wanted, since an image of the reference finds itself
    search = NearestNeighbors(n_neighbors=count + 1, algorithm="brute").fit(features.read(reference))
    mean = np.empty(len(features))
    for numbers, chunk in features.chunks():
        distances, found = search.kneighbors(chunk)
        distances[reference[found] == numbers[:, None]] = np.inf
        mean[numbers] = np.sort(distances, axis=1)[:, :count].mean(1)
    return mean


LEAST_COSINE = 0.95
"""Least cosine of two images' standardised features, 1 being the same."""

MOST_BITS = 8
"""Bits in which their hashes may differ."""

TABLES = 3
"""Hashes of each image: at the least cosine one of them misses a pair in five, all three one in a hundred."""

PAIRS_AT_ONCE = 512
"""Pairs whose features are in memory at once."""

MOST_PAIRS = 100_000
"""Pairs gathered before all but the best of each image are let go."""

Rows = NDArray[np.int64]


def near_duplicates(rows: pd.DataFrame, duplicates: pd.Series, features: Standardised) -> pd.DataFrame:
    """Pairs of similar images, as columns path, label, suggested, score (their cosine) and other.

    Pairs that lie in two splits or differ in label come first, the most similar of them at the top.
    Of a pair, `path` is the image in train, or else valid, so that a correction leaves test as it is; each
    comes once, with the image most like it. Where the labels differ, the other's is suggested. Where
    more than 512 hashes crowd together, some pairs are passed over, so that time stays in proportion.

    Args:
        rows: path, split and label of every image.
        duplicates: duplicate group of every image; two of one group are known to be copies.
    """
    split, label = rows["split"].map(SPLITS.index).to_numpy(), rows["label"].to_numpy()
    known = pd.factorize(duplicates)[0]
    nothing = np.empty(0, dtype=np.int64)
    pairs = [_with_cosine(features, nothing, nothing)]
    for table in range(TABLES):
        for first, second in HammingSearch(_hashes(features, table), MOST_BITS).pairs():
            new = known[first] != known[second]
            pairs.append(_with_cosine(features, np.minimum(first, second)[new], np.maximum(first, second)[new]))
            if sum(map(len, pairs)) > MOST_PAIRS:
                pairs = [_best_pairs(pairs, split, label)]
    best = _best_pairs(pairs, split, label)
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
    """Which side of each of 64 random planes every image lies on, one bit a plane, `[N]`."""
    generator = np.random.default_rng(derive(0, "near-duplicates", table))
    planes = generator.standard_normal((features.embeddings.width, BITS), dtype=np.float32)
    hashes = np.empty(len(features), dtype=np.uint64)
    for numbers, chunk in features.chunks():
        hashes[numbers] = np.packbits(chunk @ planes > 0, axis=1).view(np.uint64)[:, 0]
    return hashes


def _with_cosine(features: Standardised, one: Rows, other: Rows) -> pd.DataFrame:
    """Those of some pairs that are similar, with their cosine."""
    cosine = np.empty(len(one))
    for start in range(0, len(one), PAIRS_AT_ONCE):
        some = slice(start, start + PAIRS_AT_ONCE)
        ours, theirs = features.read(one[some]), features.read(other[some])
        lengths = np.linalg.norm(ours, axis=1) * np.linalg.norm(theirs, axis=1)
        cosine[some] = np.einsum("ij,ij->i", ours, theirs) / np.maximum(lengths, np.finfo(np.float32).tiny)
    near = cosine >= LEAST_COSINE
    return pd.DataFrame({"one": one[near], "other": other[near], "score": np.minimum(cosine[near], 1).round(6)})


def _best_pairs(pairs: list[pd.DataFrame], split: Rows, label: NDArray[np.str_]) -> pd.DataFrame:
    """The best pair of every image, the most informative first; equals in the order of their paths."""
    found = pd.concat(pairs, ignore_index=True)
    one, other = found["one"].to_numpy(), found["other"].to_numpy()
    swap = split[one] > split[other]
    ours, theirs = np.where(swap, other, one), np.where(swap, one, other)
    informative = (split[ours] != split[theirs]) | (label[ours] != label[theirs])
    found = pd.DataFrame({"one": ours, "other": theirs, "score": found["score"], "informative": informative})
    order = found.sort_values(["informative", "score", "one", "other"], ascending=[False, False, True, True])
    return order.drop_duplicates("one", ignore_index=True)[["one", "other", "score"]]
