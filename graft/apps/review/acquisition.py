"""Which images a label teaches most: those that are typical first, and later those that a head is unsure of.

While there are few labels, a head knows too little to know what it does not know. So images are clustered, and the
most typical one is taken of each of the largest clusters that hold no label yet. From `ENOUGH` labels a class on,
images are drawn by what their labels would change in the head: far apart from each other, and as far as it is unsure.

Source: first TypiClust, Hacohen, Dekel and Weinshall 2022, https://arxiv.org/abs/2202.02794; then BADGE, Ash et al.
2020, https://arxiv.org/abs/1906.03671.
"""

import numpy as np
from numpy.typing import NDArray
from sklearn.cluster import KMeans
from sklearn.metrics import pairwise_distances

ENOUGH = 5
"""Labels a class from which on the head's doubt leads: with fewer, BADGE can be worse than chance."""

MAX_CLUSTERS = 500
"""Clusters at most; with more labels than that, some hold several."""

NEAREST = 20
"""Neighbours within a cluster whose mean distance says how typical an image is."""

Numbers = NDArray[np.int64]
Features = NDArray[np.float32]


def choose(
    features: Features, known: Numbers, free: Numbers, doubt: NDArray[np.float64] | None, count: int, seed: int
) -> Numbers:
    """Choose images to label next, the one to begin with first.

    Args:
        features: of all images, `[N, D]`.
        known: numbers of the images that have a label.
        free: numbers of those to choose from.
        doubt: what a head that was fitted to the labels says of all images, less its answer in zeros and ones,
            `[N, K]`; None where there is no head.
        count: how many; fewer where fewer are free.

    Returns:
        Numbers of images, of `free`, none twice.
    """
    count = min(count, len(free))
    if doubt is not None and len(known) >= ENOUGH * doubt.shape[1] and doubt[free].any():
        return free[badge(features[free], doubt[free], count, seed)]
    return typical(features, known, free, count, seed)


def typical(features: Features, known: Numbers, free: Numbers, count: int, seed: int) -> Numbers:
    """Take the most typical image of each of as many clusters, of those with few labels and many images first."""
    some = np.concatenate([known, free])
    is_free = np.arange(len(some)) >= len(known)
    clusters = min(len(known) + count, max(MAX_CLUSTERS, count), len(np.unique(features[some], axis=0)))
    cluster = KMeans(clusters, n_init=1, random_state=seed % 2**32).fit_predict(features[some])
    labels = np.bincount(cluster[~is_free], minlength=clusters)
    size = np.bincount(cluster[is_free], minlength=clusters)
    queues = [
        some[_by_typicality(features[some], cluster == number, is_free)] for number in np.lexsort((-size, labels))
    ]
    # a round takes one of each; a second is needed only where there are fewer clusters than images wanted
    ordered = [queue[turn] for turn in range(size.max()) for queue in queues if turn < len(queue)]
    return np.asarray(ordered[:count], dtype=np.int64)


def _by_typicality(features: Features, inside: NDArray[np.bool_], is_free: NDArray[np.bool_]) -> Numbers:
    """Numbers of the free images inside a cluster, the one nearest to its neighbours first."""
    members = np.flatnonzero(inside)
    distances = np.sort(pairwise_distances(features[members]), axis=1)[:, 1 : NEAREST + 1]
    mean = distances.mean(1) if distances.shape[1] else np.zeros(len(members))
    ordered = members[np.argsort(mean, kind="stable")]
    return ordered[is_free[ordered]]


def badge(features: Features, doubt: NDArray[np.float64], count: int, seed: int) -> Numbers:
    """Draw images one by one, each as probable as its gradient lies far from those drawn before, squared.

    The gradient of an image is that of its loss by the weights of a linear head, would the head's answer be its
    label: the outer product of doubt and features. It is never formed, for products of its factors give all distances.

    Args:
        features: of the images to choose from, `[N, D]`.
        doubt: `[N, K]`, as in `choose`.

    Returns:
        Positions among these images.
    """
    generator = np.random.default_rng(seed)
    lengths = np.square(doubt).sum(1) * np.square(features, dtype=np.float64).sum(1)
    distances, drawn = lengths.copy(), np.zeros(len(features), dtype=np.bool_)
    order: list[int] = []
    for _ in range(count):
        odds = np.where(drawn, 0, distances) if distances[~drawn].any() else (~drawn).astype(np.float64)
        one = int(generator.choice(len(odds), p=odds / odds.sum()))
        order.append(one)
        drawn[one] = True
        products = (doubt @ doubt[one]) * (features @ features[one])
        distances = np.minimum(distances, np.maximum(lengths + lengths[one] - 2 * products, 0))
    return np.asarray(order, dtype=np.int64)
