"""Intervals hold the true difference about as often as they promise, and chance alone seldom looks like more."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import minimize_scalar
from scipy.stats import multinomial

from graft.stats.intervals import Interval, widest
from graft.stats.paired import mean_difference, mean_intervals, share_difference, tango

Z2 = 1.959963984540054**2


def score(gained: int, lost: int, count: int, difference: float) -> float:
    """Squared score of a difference; the share that only A has right is the one that makes the data likeliest."""

    def unlikely(share: float) -> float:
        parts = (share + difference, share, 1 - 2 * share - difference)
        seen = (gained, lost, count - gained - lost)
        return -sum(number * math.log(max(part, 1e-300)) for number, part in zip(seen, parts, strict=True) if number)

    bounds = (max(0.0, -difference), (1 - difference) / 2)
    share = float(minimize_scalar(unlikely, bounds=bounds, method="bounded", options={"xatol": 1e-12}).x)
    variance = count * (2 * share + difference - difference**2)
    return (gained - lost - count * difference) ** 2 / variance


@pytest.mark.parametrize(("gained", "lost", "count"), [(12, 2, 44), (3, 9, 30), (5, 5, 100), (1, 0, 20), (30, 4, 600)])
def test_tango_is_where_the_score_is_significant(gained: int, lost: int, count: int) -> None:
    found = tango(gained, lost, count)
    assert found.low < (gained - lost) / count < found.high
    for limit in (found.low, found.high):
        assert score(gained, lost, count, limit) == pytest.approx(Z2, rel=1e-4)


@pytest.mark.parametrize(
    ("gained", "lost", "count", "low", "high"),
    [
        (0, 0, 100, -Z2 / (100 + Z2), Z2 / (100 + Z2)),  # by hand, from Tango's equation with no discordant pair
        (10, 0, 10, 1 - 2 * Z2 / (10 + Z2), 1.0),  # Wilson's lower limit of 10 of 10, as a difference
        (0, 10, 10, -1.0, 2 * Z2 / (10 + Z2) - 1),
    ],
)
def test_tango_at_the_ends(gained: int, lost: int, count: int, low: float, high: float) -> None:
    found = tango(gained, lost, count)
    assert (found.low, found.high) == pytest.approx((low, high), abs=1e-5)


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 40), st.integers(0, 40), st.integers(0, 2000))
def test_tango_holds_the_difference_and_turns_with_the_sides(gained: int, lost: int, alike: int) -> None:
    count = gained + lost + alike + 1
    found, turned = tango(gained, lost, count), tango(lost, gained, count)
    assert -1 <= found.low <= (gained - lost) / count <= found.high <= 1
    assert (turned.low, turned.high) == (-found.high, -found.low)


@pytest.mark.parametrize(("gain", "loss"), [(0.1, 0.1), (0.2, 0.05), (0.02, 0.02), (0.3, 0.0)])
def test_tango_covers_the_truth(gain: float, loss: float) -> None:
    """Exactly: every outcome of forty images, weighed by how often it comes."""
    count, covered = 40, 0.0
    for gained in range(count + 1):
        for lost in range(count + 1 - gained):
            chance = multinomial.pmf([gained, lost, count - gained - lost], count, [gain, loss, 1 - gain - loss])
            if chance > 1e-7:
                found = tango(gained, lost, count)
                covered += chance * (found.low <= gain - loss <= found.high)
    assert 0.925 <= covered <= 0.999


def test_single_images_seldom_raise_a_false_alarm() -> None:
    generator = np.random.default_rng(0)
    alarms = 0
    for gained, lost, _ in generator.multinomial(300, [0.06, 0.06, 0.88], 400):
        found = tango(int(gained), int(lost), 300)
        alarms += not found.low <= 0 <= found.high
    assert alarms / 400 <= 0.08


def clustered(seed: int, groups: int, lean: float = 0.0) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Answers of two networks on groups of uneven size; in each group one of them may be at home.

    In the mean over groups both are equally good, unless they lean.
    """
    generator = np.random.default_rng(seed)
    sizes = np.maximum(4, np.round(30 * np.exp(generator.normal(0, 0.4, groups)))).astype(int)
    of = np.repeat(np.arange(groups), sizes)
    home = np.exp(generator.normal(lean, 0.7, groups))[of]
    draw = generator.random(len(of))
    gained = draw < np.minimum(0.07 * home, 0.45)
    lost = draw > 1 - np.minimum(0.07 / home, 0.45)
    both = generator.random(len(of)) < 0.8
    return np.where(gained | lost, lost, both), np.where(gained | lost, gained, both), of


@pytest.mark.slow
def test_groups_seldom_raise_a_false_alarm_where_single_images_often_do() -> None:
    cases = [clustered(seed, groups=11) for seed in range(400)]
    alarms = {"whole": 0, "alone": 0}
    for before, after, of in cases:
        for name, found in (
            ("whole", share_difference(before, after, of)),
            ("alone", share_difference(before, after, None)),
        ):
            alarms[name] += not found.low <= 0 <= found.high
    assert alarms["whole"] / 400 <= 0.08
    assert alarms["alone"] / 400 > 0.12


@pytest.mark.slow
@pytest.mark.parametrize("groups", [2, 3, 5])
def test_few_groups_seldom_raise_a_false_alarm(groups: int) -> None:
    """A plain bootstrap cries wolf one time in six where groups are five, one in five where they are three."""
    alarms = 0
    for seed in range(200):
        found = share_difference(*clustered(seed, groups))
        alarms += not found.low <= 0 <= found.high
    assert alarms / 200 <= 0.08


def test_a_planted_improvement_of_groups_is_found() -> None:
    found = [share_difference(*clustered(seed, groups=40, lean=1.2)) for seed in range(20)]
    assert np.mean([one.low > 0 for one in found]) >= 0.9


def test_groups_that_move_together_widen_the_interval() -> None:
    of = np.repeat(np.arange(12), 20)
    before = np.zeros(240, dtype=bool)
    after = np.repeat(np.arange(12) % 3 == 0, 20)
    whole, alone = share_difference(before, after, of), share_difference(before, after, None)
    assert whole.value == alone.value == pytest.approx(1 / 3)
    assert whole.high - whole.low > 3 * (alone.high - alone.low)
    assert whole.method == "whole groups drawn again"


def test_groups_that_all_move_alike_are_no_certainty() -> None:
    """Two groups that both gain one image of ten: every draw agrees, which proves nothing."""
    before = np.zeros(20, dtype=bool)
    after = np.arange(20) % 10 == 0
    found = share_difference(before, after, np.repeat([0, 1], 10))
    assert found.value == 0.1
    assert found.low < 0.0 < 0.1 < found.high


def test_one_group_says_nothing_of_others() -> None:
    found = share_difference(np.zeros(9, dtype=bool), np.ones(9, dtype=bool), np.zeros(9, dtype=np.int64))
    assert (found.value, found.low, found.high) == (1.0, -1.0, 1.0)


@pytest.mark.slow
def test_loss_covers_the_truth() -> None:
    generator = np.random.default_rng(1)
    covered = 0
    for _ in range(400):
        before, noise = generator.exponential(0.6, 60), generator.normal(-0.05, 0.3, 60)
        found = mean_difference(before, before + noise, None)
        assert found is not None
        covered += found.low <= -0.05 <= found.high
    assert 0.92 <= covered / 400 <= 0.99


def test_pairs_are_what_makes_loss_comparable() -> None:
    """What is hard is hard for both: the spread of the images themselves does not count."""
    before = np.random.default_rng(0).exponential(3.0, 200)
    found = mean_difference(before, before - 0.1, None)
    assert found is not None
    assert (found.value, found.low, found.high) == pytest.approx((-0.1, -0.1, -0.1))
    assert mean_difference(before[:1], before[:1], None) is None
    assert mean_difference(before, before - 0.1, np.zeros(200, dtype=np.int64)) is None


def test_the_interval_of_units_depends_on_nothing_but_the_data() -> None:
    values, of = np.random.default_rng(0).normal(size=50), np.arange(50) % 7
    assert mean_intervals(values, of) == mean_intervals(values, of)
    drawn, student = mean_intervals(values, of)
    assert drawn.low < values.mean() < drawn.high
    assert widest(drawn, student) == Interval(min(drawn.low, student.low), max(drawn.high, student.high))
