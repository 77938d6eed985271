"""A trend promises no more than its points hold."""

import numpy as np
import pytest

from graft.apps.learning_curve import Point, Trend, table, verdict
from graft.stats.intervals import Interval, by_group, wilson

COUNT = 400


def point(share: float, accuracies: list[float], seed: int = 0) -> Point:
    """Draws with these accuracies on `COUNT` pictures, the easier ones right in all of them."""
    hardness = np.random.default_rng(seed).permutation(COUNT) / COUNT
    right = np.stack([hardness < accuracy for accuracy in accuracies])
    return Point(share, [round(1000 * share)] * len(accuracies), right, [0.5] * len(accuracies))


def curve(*accuracies: float) -> list[Point]:
    """Points at 25, 50 and 100 %, and one far below that must not count."""
    shares = (0.25, 0.5, 1.0)
    return [point(0.01, [0.1])] + [point(share, [value]) for share, value in zip(shares, accuracies, strict=True)]


def test_interval_of_one_draw_is_that_of_independent_images() -> None:
    interval = Trend(np.arange(COUNT)).interval(point(1.0, [0.8]))
    half = 1.96 * np.sqrt(0.8 * 0.2 / COUNT)
    assert interval.low == pytest.approx(0.8 - half, abs=0.006)
    assert interval.high == pytest.approx(0.8 + half, abs=0.006)


def test_draws_that_differ_widen_the_interval() -> None:
    trend = Trend(np.arange(COUNT))
    alike, apart = (trend.interval(point(0.5, values)) for values in ([0.7] * 4, [0.5, 0.6, 0.8, 0.9]))
    assert apart.high - apart.low > 1.5 * (alike.high - alike.low)


def test_units_that_hang_together_widen_the_interval() -> None:
    right = np.repeat(np.random.default_rng(0).random(20) < 0.7, COUNT // 20)[None]
    made = Point(1.0, [1000], right, [0.5])
    alone = Trend(np.arange(COUNT)).interval(made)
    together = Trend(np.repeat(np.arange(20), COUNT // 20)).interval(made)
    assert together.high - together.low > 3 * (alone.high - alone.low)


def test_interval_of_one_draw_is_that_of_its_groups() -> None:
    """As evaluate's of few groups: wider than plain quantiles are."""
    right = np.random.default_rng(1).random(COUNT) < np.repeat(np.linspace(0.4, 1, 8), COUNT // 8)
    units = np.repeat(np.arange(8), COUNT // 8)
    interval = Trend(units).interval(Point(1.0, [1000], right[None], [0.5]))
    wanted = by_group(right, units)
    assert interval.low == pytest.approx(wanted.low, abs=0.02)
    assert interval.high == pytest.approx(wanted.high, abs=0.02)


def test_interval_is_no_narrower_than_wilsons() -> None:
    right = np.tile(np.arange(COUNT // 8) < 20, 8)  # by chance, all groups alike
    interval = Trend(np.repeat(np.arange(8), COUNT // 8)).interval(Point(1.0, [1000], right[None], [0.5]))
    assert interval == wilson(int(right.sum()), COUNT)


@pytest.mark.parametrize("share", [0.0, 1.0])
def test_all_right_or_all_wrong_is_no_certainty(share: float) -> None:
    interval = Trend(np.repeat(np.arange(10), COUNT // 10)).interval(point(1.0, [share]))
    assert interval.high - interval.low == pytest.approx(0.2775, abs=1e-4)  # Wilson's, of ten units


def test_doubling_is_the_slope_of_the_last_points() -> None:
    found = Trend(np.arange(COUNT)).doubling(curve(0.0, 0.7, 0.75))
    assert found is not None
    gain, interval = found
    assert gain == pytest.approx(0.05)
    # paired: the same pictures are right at both points but for one in twenty
    assert 0.025 < interval.low < 0.05 < interval.high < 0.08


def test_no_more_can_be_gained_than_is_still_wrong() -> None:
    found = Trend(np.arange(COUNT)).doubling(curve(0.0, 0.85, 1.0))
    assert found == (0.0, Interval(0.0, 0.0))
    found = Trend(np.arange(COUNT)).doubling(curve(0.0, 0.7, 0.9))
    assert found is not None
    gain, interval = found
    assert gain == interval.high == pytest.approx(0.1)
    assert interval.low <= gain


def test_slope_needs_two_sizes() -> None:
    assert Trend(np.arange(COUNT)).doubling([point(0.1, [0.5]), point(1.0, [0.7])]) is None


@pytest.mark.parametrize(
    ("gain", "low", "high", "told"),
    [
        (0.02, 0.01, 0.03, "more labels would help"),
        (0.001, -0.004, 0.006, "more labels would bring little"),
        (0.003, 0.001, 0.005, "more labels would bring little"),
        (-0.02, -0.03, -0.01, "more labels would bring little"),
        (0.02, 2e-15, 0.05, "valid is too small to tell whether more labels would help"),
        (0.02, -0.01, 0.05, "valid is too small to tell whether more labels would help"),
    ],
)
def test_verdict_needs_evidence(gain: float, low: float, high: float, told: str) -> None:
    line = verdict(gain, Interval(low, high), "exact_match")
    assert line.endswith(f"; {told}")
    assert f"{100 * gain:+.1f} points of exact match (95 %: {100 * low:+.1f} to {100 * high:+.1f})" in line


def test_table_has_a_row_a_point() -> None:
    made = table([point(0.1, [0.5, 0.6]), point(1.0, [0.75])], Trend(np.arange(COUNT)), "accuracy")
    assert made["images"].tolist() == [100, 1000]
    assert made["draws"].tolist() == [2, 1]
    assert made["accuracy"].tolist() == pytest.approx([0.55, 0.75])
    assert (made["accuracy_low"] < made["accuracy"]).all()
    assert (made["accuracy"] < made["accuracy_high"]).all()
