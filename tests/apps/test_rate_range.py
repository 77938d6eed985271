"""The range test against curves whose answers are known."""

import math

import numpy as np
import pytest

from graft.apps.lr_find import RateRange, find_range
from graft.core.errors import TrainingError


def curve(losses: list[float]) -> RateRange:
    rates = np.logspace(-len(losses), -1, len(losses))
    return RateRange(rates, np.array(losses), np.array(losses))


def test_rates_rise_geometrically_to_ten() -> None:
    found = find_range(lambda number, rate: 1.0)
    assert len(found.rates) == 100
    assert (found.rates[0], found.rates[-1]) == (pytest.approx(1e-7), pytest.approx(10))
    assert np.diff(np.log(found.rates)) == pytest.approx(math.log(1e8) / 99)


def test_smoothing_of_a_constant_is_the_constant() -> None:
    assert find_range(lambda number, rate: 0.7).smoothed == pytest.approx(0.7)


def test_smoothing_by_hand() -> None:
    found = find_range(lambda number, rate: float(number < 1))
    assert found.smoothed[1] == pytest.approx(0.02 * 0.98 / (1 - 0.98**2))


def test_it_stops_when_the_loss_explodes() -> None:
    found = find_range(lambda number, rate: 1.0 if rate < 0.1 else 1e6)
    assert found.rates.max() < 0.1


def test_no_curve_is_an_error() -> None:
    with pytest.raises(TrainingError, match="the loss is nan at learning rate 1e-07, after 0 steps"):
        find_range(lambda number, rate: math.nan)


def test_readings_by_hand() -> None:
    found = curve([9.0, 9.0, 8.0, 4.0, 3.5, 6.0])
    assert found.minimum == pytest.approx(1e-2 / 10)
    # central differences are 0, -0.5, -2.5, -2.25, 1, 2.5
    assert found.steepest == pytest.approx(1e-4)


def test_valley_is_half_way_through_the_middle_third() -> None:
    falling = curve([float(20 - place) for place in range(20)] + [50.0])
    # the descent is of 20 points and ends at 19, so it is taken to begin at 0; thirds of 19 / 3
    assert falling.valley == pytest.approx(falling.rates[6 + 3])


def test_a_bump_does_not_break_the_descent() -> None:
    losses = [float(20 - place) for place in range(20)] + [50.0]
    losses[9] = 40.0
    assert curve(losses).valley == pytest.approx(curve(losses).rates[6 + 3])


def test_suggestions_have_two_digits() -> None:
    assert curve([9.0, 9.0, 8.0, 4.0, 3.5, 6.0]).suggestions()["minimum / 10"] == 1e-3
