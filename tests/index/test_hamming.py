"""The search finds exactly the pairs that comparing all would find, or says how many it passed over."""

from collections import Counter
from itertools import combinations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from graft.core.errors import ParamsError
from graft.core.params import check
from graft.index import hamming
from graft.index.config import NearDuplicates
from graft.index.hamming import HammingSearch

Pair = frozenset[int]


def crowds(seed: int, count: int) -> np.ndarray:
    """Hashes in a few families: equal, a few bits apart, or unrelated."""
    rng = np.random.default_rng(seed)
    hashes = rng.integers(0, 2**64, max(1, count // 8), dtype=np.uint64)[rng.integers(0, max(1, count // 8), count)]
    for _ in range(int(rng.integers(0, 7))):
        flipped = rng.random(count) < 0.6
        hashes = hashes ^ (np.uint64(1) << rng.integers(0, 64, count, dtype=np.uint64)) * flipped.astype(np.uint64)
    return hashes


def brute_force(hashes: np.ndarray, distance: int, beyond: int = -1) -> set[Pair]:
    return {
        frozenset((i, j))
        for i, j in combinations(range(len(hashes)), 2)
        if beyond < int(hashes[i] ^ hashes[j]).bit_count() <= distance
    }


def found(search: HammingSearch) -> Counter[Pair]:
    pairs: Counter[Pair] = Counter()
    for one, other in search.pairs():
        pairs.update(frozenset(pair) for pair in zip(one.tolist(), other.tolist(), strict=True))
    return pairs


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 2**32), st.integers(0, 60), st.integers(0, 8), st.integers(-1, 3))
def test_finds_exactly_what_comparing_all_finds_and_each_once(
    seed: int, count: int, distance: int, beyond: int
) -> None:
    hashes = crowds(seed, count)
    search = HammingSearch(hashes, distance, beyond)
    pairs = found(search)
    assert set(pairs) == brute_force(hashes, distance, beyond)
    assert set(pairs.values()) <= {1}
    assert search.skipped == 0


@pytest.mark.slow
@pytest.mark.parametrize("distance", range(9))
def test_finds_a_pair_wherever_its_bits_differ(distance: int) -> None:
    rng = np.random.default_rng(distance)
    for _ in range(50):
        places = rng.choice(64, distance, replace=False)
        other = sum(1 << int(place) for place in places)
        assert found(HammingSearch(np.array([0, other], dtype=np.uint64), distance)) == {frozenset((0, 1)): 1}
        if distance > 0:
            assert not found(HammingSearch(np.array([0, other], dtype=np.uint64), distance - 1))


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 2**32), st.integers(1, 12))
def test_what_a_narrow_window_misses_is_counted(seed: int, window: int) -> None:
    hashes = crowds(seed, 50)
    search = HammingSearch(hashes, 4, window=window)
    pairs, there = set(found(search)), brute_force(hashes, 4)
    assert pairs <= there
    assert len(there - pairs) <= search.skipped


def test_a_crowd_of_equal_hashes_is_compared_with_its_neighbours_only_once() -> None:
    search = HammingSearch(np.full(100, 7, dtype=np.uint64), 8, window=10)
    pairs = found(search)
    assert pairs == {frozenset((i, j)): 1 for i in range(100) for j in range(i + 1, min(i + 11, 100))}
    assert search.skipped == 100 * 99 // 2 - len(pairs)


@pytest.mark.parametrize(("block", "flush"), [(1, 1), (7, 3), (1 << 16, 1 << 14)])
def test_blocks_make_no_difference(block: int, flush: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hamming, "_BLOCK", block)
    monkeypatch.setattr(hamming, "_FLUSH", flush)
    hashes = crowds(3, 80)
    assert found(HammingSearch(hashes, 6)) == dict.fromkeys(brute_force(hashes, 6), 1)


@pytest.mark.parametrize("count", [0, 1])
def test_too_few_to_pair(count: int) -> None:
    assert not found(HammingSearch(np.zeros(count, dtype=np.uint64), 8))


@pytest.mark.parametrize(
    ("value", "said"),
    [
        ({"distance": 9}, "near.distance: input should be less than or equal to 8; got 9"),
        ({"distance": -1}, "near.distance: input should be greater than or equal to 0; got -1"),
        ({"tolerance": 0.0}, "near.tolerance: input should be greater than 0; got 0.0"),
        ({"tolerence": 0.1}, "did you mean 'tolerance'"),
    ],
)
def test_settings_out_of_range_are_refused(value: dict[str, float], said: str) -> None:
    with pytest.raises(ParamsError, match=said):
        check("near", NearDuplicates, value)
