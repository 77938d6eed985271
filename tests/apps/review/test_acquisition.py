"""What is typical comes first, then what is unsure; nothing is chosen twice, and equal seeds choose alike."""

import numpy as np
import pytest
from numpy.typing import NDArray

from graft.apps.review.acquisition import badge, choose, typical

Array = NDArray[np.float32]


def clouds(halves: tuple[int, ...] = (10, 7, 4)) -> Array:
    """Clouds of 2 n + 1 images, far from each other; the first of each is the centre, in which it is symmetric."""
    generator = np.random.default_rng(0)
    parts = []
    for place, half in enumerate(halves):
        side = generator.normal(0, 1, (half, 4)).astype(np.float32)
        parts.append(np.concatenate([np.zeros_like(side[:1]), side, -side]) + np.float32(100 * place))
    return np.concatenate(parts)


CENTRES = [0, 21, 36]
ALL = np.arange(45)


def numbers(*values: int) -> NDArray[np.int64]:
    return np.asarray(values, dtype=np.int64)


def test_without_labels_the_centres_of_the_clusters_come_first_the_largest_at_the_front() -> None:
    assert choose(clouds(), numbers(), ALL, None, 3, 0).tolist() == CENTRES


def test_a_cluster_with_a_label_waits() -> None:
    known = numbers(3)
    features = np.concatenate([np.repeat(clouds()[:1], 21, axis=0), clouds()[21:]])  # no third cluster in the first
    chosen = choose(features, known, np.setdiff1d(ALL, known), None, 2, 0)
    assert chosen.tolist() == CENTRES[1:]


def test_all_that_is_free_is_chosen_once_even_where_features_are_equal() -> None:
    features = np.zeros((8, 4), dtype=np.float32)
    features[:3] = 1
    chosen = typical(features, numbers(7), np.arange(7), 7, 0)
    assert sorted(chosen) == list(range(7))
    assert sorted(badge(features, np.full((8, 2), 0.1), 8, 0)) == list(range(8))
    assert sorted(choose(features, numbers(7), np.arange(7), None, 50, 0)) == list(range(7))


def test_with_enough_labels_the_unsure_are_drawn_far_from_each_other() -> None:
    features = clouds() + np.float32(1)
    features[6] = features[5]
    doubt = np.zeros((45, 2))
    doubt[[5, 6, 25]] = 0.5, -0.5
    known = np.arange(10, 20)
    free = np.setdiff1d(ALL, known)
    assert set(choose(features, known, free, doubt, 2, 0)) in ({5, 25}, {6, 25})
    few = known[:9]  # of two classes
    assert choose(features, few, free, doubt, 2, 0).tolist() == typical(features, few, free, 2, 0).tolist()


def test_a_head_without_doubt_says_nothing() -> None:
    features, known, free = clouds(), ALL[:10], ALL[10:]
    none = np.zeros((45, 1))
    np.testing.assert_array_equal(choose(features, known, free, none, 4, 0), typical(features, known, free, 4, 0))


def test_distances_are_those_of_the_gradients() -> None:
    """With one far gradient left to draw, its odds are all: the products must agree with the outer product."""
    generator = np.random.default_rng(1)
    features = generator.normal(size=(6, 3)).astype(np.float32)
    doubt = generator.normal(size=(6, 2))
    features[1:5], doubt[1:5] = features[0], doubt[0]  # as far from each other as nothing
    for seed in range(20):
        assert 5 in badge(features, doubt, 2, seed)


@pytest.mark.parametrize("count", [1, 5])
def test_equal_seeds_choose_alike(count: int) -> None:
    features, doubt = clouds(), np.random.default_rng(2).normal(size=(45, 3))
    known, free = ALL[:20], ALL[20:]
    first, again, other = (choose(features, known, free, doubt, count, seed).tolist() for seed in (0, 0, 1))
    assert first == again != other
