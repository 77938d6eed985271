"""Equal fingerprints share a group number, numbered by first appearance."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from graft.index.duplicates import groups


@pytest.mark.parametrize(
    ("fingerprints", "numbers"),
    [
        ([], []),
        (["x"], [0]),
        (["b", "a", "c"], [0, 1, 2]),
        (["b", "a", "b", "c", "a", "b"], [0, 1, 0, 2, 1, 0]),
    ],
    ids=["none", "one", "all different", "some equal"],
)
def test_groups(fingerprints: list[str], numbers: list[int]) -> None:
    assert groups(fingerprints) == numbers


@settings(max_examples=50, deadline=None)
@given(st.lists(st.sampled_from("abcdef")), st.lists(st.sampled_from("abcdef")))
def test_equal_means_same_group_and_adding_renumbers_none(old: list[str], new: list[str]) -> None:
    numbers = groups(old + new)
    pairs = set(zip(old + new, numbers, strict=True))
    assert len(pairs) == len(set(old + new)) == len(set(numbers))
    assert numbers[: len(old)] == groups(old)
