"""The search finds what comparing every pair would find."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from graft.index.near import Search

Pairs = set[tuple[int, int]]


def brute(hashes: np.ndarray, distance: int) -> Pairs:
    """Every pair that differs in few bits."""
    apart = np.bitwise_count(hashes[:, None] ^ hashes[None])
    return {(int(one), int(other)) for one, other in zip(*np.nonzero(apart <= distance), strict=True) if one < other}


def searched(search: Search) -> Pairs:
    return {
        (min(one, other), max(one, other))
        for ones, others in search.pairs()
        for one, other in zip(ones.tolist(), others.tolist(), strict=True)
    }


bits = st.lists(st.integers(0, 63), max_size=9, unique=True)


@settings(max_examples=60, deadline=None)
@given(
    roots=st.lists(st.integers(0, 2**64 - 1), min_size=1, max_size=4),
    flips=st.lists(st.tuples(st.integers(0, 3), bits), max_size=24),
    distance=st.integers(0, 8),
)
def test_all_pairs_within_the_distance_are_found_and_no_other(
    roots: list[int], flips: list[tuple[int, list[int]]], distance: int
) -> None:
    values = list(roots)
    for root, places in flips:
        value = roots[root % len(roots)]
        for place in places:
            value ^= 1 << place
        values.append(value)
    hashes = np.array(values, dtype=np.uint64)
    search = Search(hashes, distance)
    assert searched(search) == brute(hashes, distance)
    assert search.skipped == 0


@pytest.mark.parametrize("count", [0, 1])
def test_too_few_to_pair(count: int) -> None:
    assert searched(Search(np.zeros(count, dtype=np.uint64), 8)) == set()


def test_a_crowd_is_searched_in_part_and_what_is_passed_over_is_counted() -> None:
    search = Search(np.zeros(50, dtype=np.uint64), 2, window=4)
    found = searched(search)
    assert {(place, place + 1) for place in range(49)} <= found
    assert len(found) <= 50 * 4
    assert search.skipped > 0
