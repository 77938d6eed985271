"""Answering only the surest pictures: thresholds by hand."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from graft.core.errors import ParamsError
from graft.evaluate.abstention import Surest, answered, save_coverage, sure, threshold
from graft.evaluate.config import Abstain

CONFIDENCE = np.array([0.9, 0.8, 0.8, 0.6, 0.5])
RIGHT = np.array([True, True, False, True, False])
SUREST = Surest.of(CONFIDENCE, RIGHT)
LEAST = 0.499999
"""Below the least sure picture."""


def test_curve_by_hand() -> None:
    assert SUREST.threshold.tolist() == [0.85, 0.7, 0.55, 0.499999]
    assert SUREST.coverage.tolist() == [0.2, 0.6, 0.8, 1.0]
    assert SUREST.precision.tolist() == pytest.approx([1.0, 2 / 3, 3 / 4, 3 / 5])
    table = SUREST.table()
    assert table.columns.tolist() == ["coverage", "threshold", "accuracy"]
    assert table["coverage"].tolist() == [0.2, 0.6, 0.8, 1.0]


def test_the_curve_of_many_images_is_short() -> None:
    generator = np.random.default_rng(0)
    table = Surest.of(generator.random(5000), generator.random(5000) < 0.7).table()
    assert 90 <= len(table) <= 100
    assert table["coverage"].iloc[-1] == 1


@pytest.mark.parametrize(("precision", "below"), [(0.99, 0.85), (0.74, 0.55), (0.7, 0.55), (0.6, LEAST), (0.1, LEAST)])
def test_a_precision_is_reached_with_as_many_answers_as_can_be(precision: float, below: float) -> None:
    assert threshold(SUREST, Abstain(precision=precision)) == below


@pytest.mark.parametrize(("coverage", "below"), [(0.1, 0.85), (0.2, 0.85), (0.3, 0.7), (0.8, 0.55), (0.99, LEAST)])
def test_a_coverage_is_reached(coverage: float, below: float) -> None:
    assert threshold(SUREST, Abstain(coverage=coverage)) == below


def test_a_precision_out_of_reach_says_what_is_in_reach() -> None:
    surest = Surest.of(np.array([0.9, 0.8]), np.array([False, True]))
    with pytest.raises(
        ParamsError, match=r"0.9 is reached at no threshold; of the 2 surest of 2 valid .* 0.5 are right"
    ):
        threshold(surest, Abstain(precision=0.9))


@pytest.mark.parametrize("given", [{}, {"precision": 0.9, "coverage": 0.9}])
def test_one_of_the_two_is_named(given: dict[str, float]) -> None:
    with pytest.raises(ValueError, match="name precision or coverage"):
        Abstain(**given)


def test_what_is_answered_is_measured() -> None:
    found = answered(CONFIDENCE, RIGHT, pd.Series([""] * 5), 0.8)
    assert (found["coverage"], found["accuracy"]) == (0.6, pytest.approx(2 / 3))
    assert found["accuracy_low"] < 2 / 3 < found["accuracy_high"]


def test_nothing_answered_has_no_accuracy() -> None:
    found = answered(CONFIDENCE, RIGHT, pd.Series([""] * 5), 0.95)
    assert (found["coverage"], found["accuracy"], found["accuracy_low"]) == (0.0, None, None)


def test_a_threshold_lies_between_what_can_be_told_apart() -> None:
    close = np.array([0.9999999, 0.9999997, 0.7000001, 0.7, 0.6999999])
    surest = Surest.of(close, np.ones(5, dtype=bool))
    assert surest.answered.tolist() == [2, 5]  # what differs by noise is answered together
    assert surest.threshold[0] == pytest.approx(0.85, abs=1e-5)
    assert surest.threshold[1] < 0.6999999


def test_a_threshold_divides_two_that_are_very_close() -> None:
    close = np.array([0.8000051, 0.8000049])  # of two levels, and nearer than a short number could divide
    surest = Surest.of(close, np.ones(2, dtype=bool))
    assert sure(close, surest.threshold[0]).tolist() == [True, False]
    assert surest.table()["threshold"].iloc[0] == surest.threshold[0]


@pytest.mark.parametrize("kept", [None, 0.0, 0.6])
def test_plot_is_drawn(tmp_path: Path, kept: float | None) -> None:
    for name in ("one.png", "two.png"):
        save_coverage(tmp_path / name, SUREST.table(), kept)
    assert (tmp_path / "one.png").read_bytes() == (tmp_path / "two.png").read_bytes()
