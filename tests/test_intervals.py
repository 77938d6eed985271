"""Intervals hold the truth about as often as they promise."""

import math
from collections.abc import Callable

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import binom, norm

from graft import intervals
from graft.intervals import accuracy_interval, bootstrap, by_group, tail, wilson

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


def grouped(seed: int, groups: int, each: int, spread: float) -> tuple[np.ndarray, pd.Series]:
    """Answers whose chance to be right differs by group; 0.7 on average."""
    generator = np.random.default_rng(seed)
    chance = 0.7 + spread * generator.choice([-1.0, 1.0], groups)
    right = generator.random((groups, each)) < chance[:, None]
    names = np.repeat([f"g{place}" for place in range(groups)], each)
    return right.ravel(), pd.Series(names)


def test_group_bootstrap_covers_the_truth_where_wilson_does_not() -> None:
    cases = [grouped(seed, groups=40, each=10, spread=0.29) for seed in range(120)]
    by_groups = [by_group(right, groups, seed) for seed, (right, groups) in enumerate(cases)]
    alone = [wilson(int(right.sum()), len(right)) for right, _ in cases]
    assert 0.90 <= np.mean([interval.low <= 0.7 <= interval.high for interval in by_groups]) <= 0.99
    assert np.mean([interval.low <= 0.7 <= interval.high for interval in alone]) < 0.8


@pytest.mark.parametrize("count", [5, 8, 11, 20])
def test_few_groups_are_covered_too(count: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(intervals, "DRAWS", 500)
    cases = [grouped(seed, count, each=12, spread=0.2) for seed in range(150)]
    found = [by_group(right, groups, seed) for seed, (right, groups) in enumerate(cases)]
    assert 0.90 <= np.mean([interval.low <= 0.7 <= interval.high for interval in found]) <= 1


def test_the_tail_of_many_units_is_the_plain_one() -> None:
    assert tail(10**6) == pytest.approx(0.025, rel=1e-4)
    assert tail(11) == pytest.approx(norm.cdf(-2.2281 * math.sqrt(1.1)), rel=1e-3)
    assert tail(1) == 0


def test_strong_grouping_widens_the_interval() -> None:
    # twenty groups of ten, each wholly right or wholly wrong: as good as twenty pictures
    groups = pd.Series(np.repeat([f"g{place}" for place in range(20)], 10))
    right = np.repeat([True] * 14 + [False] * 6, 10)
    whole, alone = by_group(right, groups, 0), wilson(140, 200)
    assert whole.high - whole.low > 3 * (alone.high - alone.low)
    # of twenty groups drawn, binomial(20, 0.7) are right: its points at the tail of twenty units
    assert 0.01 < tail(20) < 0.025
    wanted = [binom.ppf(share, 20, 0.7) / 20 for share in (tail(20), 1 - tail(20))]
    assert [whole.low, whole.high] == pytest.approx(wanted, abs=0.051)


def test_groups_of_one_are_like_single_pictures() -> None:
    right = np.array([True] * 160 + [False] * 40)
    found, alone = by_group(right, pd.Series([f"g{place}" for place in range(200)]), 0), wilson(160, 200)
    assert (found.low, found.high) == pytest.approx((alone.low, alone.high), abs=0.02)


def test_bootstrap_depends_on_the_seed_alone() -> None:
    right, groups = grouped(0, groups=12, each=5, spread=0.1)
    assert by_group(right, groups, 3) == by_group(right, groups, 3)
    order = np.random.default_rng(0).permutation(len(right))
    assert by_group(right[order], groups.iloc[order], 3) == by_group(right, groups, 3)
    assert len({by_group(right, groups, seed) for seed in range(5)}) > 1


@pytest.mark.parametrize(
    ("groups", "method"),
    [
        (["a", "a", "b", "b"], "by group"),
        (["a", "b", "b", "b"], "by group"),
        (["", "", "", ""], "Wilson"),
        (["a", "a", "a", "a"], "Wilson"),
        (["a", "b", "c", "d"], "Wilson"),
        (["a", "a", "b", ""], "Wilson"),
    ],
    ids=["two groups", "uneven", "none", "one group", "all alone", "one without"],
)
def test_the_interval_fits_the_data(groups: list[str], method: str) -> None:
    right = np.array([True, True, False, True])
    interval, made = accuracy_interval(right, pd.Series(groups), seed=5)
    assert made == method
    assert interval == (by_group(right, pd.Series(groups), 5) if method == "by group" else wilson(3, 4))


def test_an_index_of_any_kind_is_taken_by_place() -> None:
    right, groups = grouped(1, groups=6, each=4, spread=0.2)
    moved = groups.set_axis(range(100, 100 + len(groups)))
    assert by_group(right, moved, 0) == by_group(right, groups, 0)
    assert intervals.LEVEL == 0.95


@pytest.mark.parametrize(("right", "low", "high"), [(True, 0.5655, 1.0), (False, 0.0, 0.4345)])
def test_all_alike_is_no_certainty(right: bool, low: float, high: float) -> None:
    """Five groups are five trials, not a hundred pictures: Wilson for 5 of 5 and for 0 of 5."""
    found = by_group(np.full(100, right), pd.Series(np.arange(100) % 5), seed=0)
    assert (found.low, found.high) == pytest.approx((low, high), abs=1e-3)


def mean(values: np.ndarray) -> Callable[[np.ndarray], dict[str, float]]:
    """Measure the mean of some values."""
    return lambda weights: {"mean": float(weights @ values / weights.sum())}


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
        spread = bootstrap(mean(values), pd.Series(names), seed)["mean"]
        assert spread is not None
        found.append(spread.low <= 1 <= spread.high)
    assert 0.90 <= np.mean(found) <= 0.99


def test_bootstrap_of_a_share_is_that_by_group() -> None:
    right, groups = grouped(0, groups=12, each=5, spread=0.1)
    assert bootstrap(mean(right.astype(float)), groups, 3)["mean"] == by_group(right, groups, 3)


def test_no_spread_and_no_value_have_no_interval() -> None:
    alone = pd.Series([""] * 5)
    assert bootstrap(mean(np.ones(5)), alone) == {"mean": None}
    assert bootstrap(lambda weights: {"none": float("nan")}, alone) == {"none": None}
