"""Intervals hold the truth about as often as they promise."""

import math
from collections.abc import Callable

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import binom, norm

from graft.stats import intervals
from graft.stats.intervals import accuracy_interval, bootstrap, by_group, resamples, tail, units, wilson

Z = float(norm.ppf(0.975))


def by_formula(right: int, count: int) -> tuple[float, float]:
    """Wilson's interval from his formula."""
    share = right / count
    centre = (share + Z**2 / (2 * count)) / (1 + Z**2 / count)
    half = Z / (1 + Z**2 / count) * math.sqrt(share * (1 - share) / count + Z**2 / (4 * count**2))
    return centre - half, centre + half


@pytest.mark.parametrize(
    ("right", "count", "low", "high"),
    [
        (8, 10, 0.4902, 0.9433),  # Brown, Cai and DasGupta's textbook form, worked by hand
        (0, 10, 0.0, 0.2775),  # z^2 / (n + z^2) = 3.8415 / 13.8415
        (10, 10, 0.7225, 1.0),
        (1, 1, 0.2065, 1.0),  # 1 / (1 + z^2)
    ],
)
def test_wilson_known_values(right: int, count: int, low: float, high: float) -> None:
    found = wilson(right, count)
    assert (found.low, found.high) == pytest.approx((low, high), abs=5e-5)


@settings(max_examples=50, deadline=None)
@given(st.integers(1, 500).flatmap(lambda count: st.tuples(st.integers(0, count), st.just(count))))
def test_wilson_is_the_formula_and_holds_the_share(case: tuple[int, int]) -> None:
    right, count = case
    found = wilson(right, count)
    assert (found.low, found.high) == pytest.approx(by_formula(right, count), abs=1e-9)
    assert 0 <= found.low <= right / count <= found.high <= 1


def test_wilson_covers_the_truth() -> None:
    draws = np.random.default_rng(0).binomial(200, 0.9, 400)
    found = [wilson(int(right), 200) for right in draws]
    covered = np.mean([interval.low <= 0.9 <= interval.high for interval in found])
    assert 0.90 <= covered <= 0.99


def grouped(seed: int, groups: int, each: int, spread: float) -> tuple[np.ndarray, np.ndarray]:
    """Answers whose chance to be right differs by group, and their groups; 0.7 on average."""
    generator = np.random.default_rng(seed)
    chance = 0.7 + spread * generator.choice([-1.0, 1.0], groups)
    right = generator.random((groups, each)) < chance[:, None]
    return right.ravel(), np.repeat(np.arange(groups), each)


def named(of: np.ndarray) -> pd.Series:
    """Groups as labels.csv has them."""
    return pd.Series([f"g{number:02}" for number in of])


@pytest.mark.slow
def test_group_bootstrap_covers_the_truth_where_wilson_does_not() -> None:
    cases = [grouped(seed, groups=40, each=10, spread=0.29) for seed in range(120)]
    by_groups = [by_group(right, groups) for right, groups in cases]
    alone = [wilson(int(right.sum()), len(right)) for right, _ in cases]
    assert 0.90 <= np.mean([interval.low <= 0.7 <= interval.high for interval in by_groups]) <= 0.99
    assert np.mean([interval.low <= 0.7 <= interval.high for interval in alone]) < 0.8


@pytest.mark.slow
@pytest.mark.parametrize("count", [5, 8, 11, 20])
def test_few_groups_are_covered_too(count: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(intervals, "DRAWS", 500)
    cases = [grouped(seed, count, each=12, spread=0.2) for seed in range(150)]
    found = [by_group(right, groups) for right, groups in cases]
    assert 0.90 <= np.mean([interval.low <= 0.7 <= interval.high for interval in found]) <= 1


def test_the_tail_of_many_units_is_the_plain_one() -> None:
    assert tail(10**6) == pytest.approx(0.025, rel=1e-4)
    assert tail(11) == pytest.approx(norm.cdf(-2.2281 * math.sqrt(1.1)), rel=1e-3)
    assert tail(1) == 0


def test_strong_grouping_widens_the_interval() -> None:
    # twenty groups of ten, each wholly right or wholly wrong: as good as twenty pictures
    groups = np.repeat(np.arange(20), 10)
    right = np.repeat([True] * 14 + [False] * 6, 10)
    whole, alone = by_group(right, groups), wilson(140, 200)
    assert whole.high - whole.low > 3 * (alone.high - alone.low)
    # of twenty groups drawn, binomial(20, 0.7) are right: its points at the tail of twenty units
    assert 0.01 < tail(20) < 0.025
    wanted = [binom.ppf(share, 20, 0.7) / 20 for share in (tail(20), 1 - tail(20))]
    assert [whole.low, whole.high] == pytest.approx(wanted, abs=0.051)


def test_groups_of_one_are_like_single_images() -> None:
    right = np.array([True] * 160 + [False] * 40)
    found, alone = by_group(right, np.arange(200)), wilson(160, 200)
    assert (found.low, found.high) == pytest.approx((alone.low, alone.high), abs=0.02)


def test_intervals_depend_on_nothing_but_the_data() -> None:
    right, groups = grouped(0, groups=12, each=5, spread=0.1)
    assert by_group(right, groups) == by_group(right, groups)
    order = np.random.default_rng(0).permutation(len(right))
    found, _ = accuracy_interval(right[order], named(groups).iloc[order])
    assert found == by_group(right, groups)


@pytest.mark.parametrize(
    ("groups", "method"),
    [
        (["a", "a", "b", "b"], "by group"),
        (["a", "b", "b", "b"], "by group"),
        (["", "", "", ""], "Wilson"),
        (["a", "b", "c", "d"], "Wilson"),
        (["a", "a", "b", ""], "by group"),
        (["a", "a", "a", ""], "by group"),
    ],
    ids=["two groups", "uneven", "none", "all alone", "one without", "one group and one without"],
)
def test_the_interval_fits_the_data(groups: list[str], method: str) -> None:
    right = np.array([True, True, False, True])
    interval, made = accuracy_interval(right, pd.Series(groups))
    assert made == method
    of = units(pd.Series(groups))
    assert interval == (wilson(3, 4) if of is None else by_group(right, of))


def test_one_group_has_no_interval() -> None:
    groups = pd.Series(["a"] * 60)
    right = np.arange(60) % 3 > 0
    assert accuracy_interval(right, groups) == (None, "one group")
    assert bootstrap(mean(right.astype(float)), groups) == {"mean": None}


def test_one_image_without_a_group_leaves_the_others_theirs() -> None:
    right, of = grouped(2, groups=8, each=30, spread=0.29)
    every = accuracy_interval(right, named(of))[0]
    rest = accuracy_interval(right, named(of).where(np.arange(len(of)) > 0, ""))[0]
    assert every is not None
    assert rest is not None
    assert rest.high - rest.low > 0.8 * (every.high - every.low)


def test_an_index_of_any_kind_is_taken_by_place() -> None:
    right, groups = grouped(1, groups=6, each=4, spread=0.2)
    moved = named(groups).set_axis(range(100, 100 + len(groups)))
    assert accuracy_interval(right, moved)[0] == by_group(right, groups)
    assert intervals.LEVEL == 0.95


@pytest.mark.parametrize(("right", "low", "high"), [(True, 0.5655, 1.0), (False, 0.0, 0.4345)])
def test_all_alike_is_no_certainty(right: bool, low: float, high: float) -> None:
    """Five groups are five trials, not a hundred pictures: Wilson for 5 of 5 and for 0 of 5."""
    found = by_group(np.full(100, right), np.arange(100) % 5)
    assert (found.low, found.high) == pytest.approx((low, high), abs=1e-3)


def mean(values: np.ndarray) -> Callable[[np.ndarray], dict[str, float]]:
    """Measure the mean of some values."""
    return lambda weights: {"mean": float(weights @ values / weights.sum())}


@pytest.mark.slow
@pytest.mark.parametrize("groups", [0, 30])
def test_bootstrap_covers_the_truth(groups: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(intervals, "DRAWS", 400)
    found = []
    for seed in range(150):
        generator = np.random.default_rng(seed)
        values = generator.exponential(size=120)
        if groups:
            values = values + np.repeat(generator.normal(size=groups), 120 // groups)
        names = [f"g{place // (120 // groups)}" if groups else "" for place in range(120)]
        spread = bootstrap(mean(values), pd.Series(names))["mean"]
        assert spread is not None
        found.append(spread.low <= 1 <= spread.high)
    assert 0.90 <= np.mean(found) <= 0.99


def test_bootstrap_of_a_share_is_that_by_group() -> None:
    right, groups = grouped(0, groups=12, each=20, spread=0.29)
    assert bootstrap(mean(right.astype(float)), named(groups))["mean"] == by_group(right, groups)


@pytest.mark.slow
@pytest.mark.parametrize("groups", [2, 3])
def test_the_bootstrap_of_few_groups_is_no_narrower_than_that_of_images(
    groups: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whole groups alone hold the truth in half of the cases where groups are two, and alike."""
    monkeypatch.setattr(intervals, "DRAWS", 300)
    covered = []
    for seed in range(120):
        right, of = grouped(seed, groups, each=60, spread=0.0)
        found = bootstrap(mean(right.astype(float)), named(of))["mean"]
        assert found is not None
        covered.append(found.low <= 0.7 <= found.high)
    assert 0.9 <= np.mean(covered) <= 1


def test_no_spread_and_no_value_have_no_interval() -> None:
    alone = pd.Series([""] * 5)
    assert bootstrap(mean(np.ones(5)), alone) == {"mean": None}
    assert bootstrap(lambda weights: {"none": float("nan")}, alone) == {"none": None}


@pytest.mark.parametrize(
    ("groups", "numbers"),
    [
        (["a", "b", "a", "b"], [0, 1, 0, 1]),
        (["a", "a", "", ""], [2, 2, 0, 1]),
        (["", "", ""], None),
        (["a", "b", "c"], None),
        (["a", "a", "a"], [0, 0, 0]),
        (["x"], None),
    ],
    ids=["two", "some alone", "none", "each its own", "one only", "one picture"],
)
def test_units(groups: list[str], numbers: list[int] | None) -> None:
    found = units(pd.Series(groups, dtype=str))
    assert (found if found is None else found.tolist()) == numbers


@pytest.mark.parametrize("at_once", [1, 7, 100_000])
def test_resamples_are_the_same_however_many_are_drawn_at_once(at_once: int, monkeypatch: pytest.MonkeyPatch) -> None:
    wanted = np.concatenate(list(resamples(5)))
    monkeypatch.setattr(intervals, "UNITS_AT_ONCE", at_once)
    drawn = np.concatenate(list(resamples(5)))
    assert drawn.shape == (intervals.DRAWS, 5)
    assert (drawn.sum(axis=1) == 5).all()
    assert (drawn == wanted).all()
    assert (drawn != np.concatenate(list(resamples(5, "another purpose")))).any()
