"""Pictures unlike all others: far from their nearest neighbours among the stored features."""

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.neighbors import NearestNeighbors

from graft.evaluate.standardised import Standardised
from graft.seeds import derive

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
