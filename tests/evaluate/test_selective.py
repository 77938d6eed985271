"""Answering only the surest pictures: thresholds by hand."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from graft.errors import ParamsError
from graft.evaluate.selective import Surest, answered, save_coverage, threshold
from graft.evaluate.settings import Abstain

CONFIDENCE = np.array([0.9, 0.8, 0.8, 0.6, 0.5])
RIGHT = np.array([True, True, False, True, False])
SUREST = Surest.of(CONFIDENCE, RIGHT)


def test_curve_by_hand() -> None:
    assert SUREST.confidence.tolist() == [0.9, 0.8, 0.6, 0.5]
    assert SUREST.coverage.tolist() == [0.2, 0.6, 0.8, 1.0]
    assert SUREST.precision.tolist() == pytest.approx([1.0, 2 / 3, 3 / 4, 3 / 5])
    table = SUREST.table()
    assert table.columns.tolist() == ["coverage", "threshold", "accuracy"]
    assert table["coverage"].tolist() == [0.2, 0.6, 0.8, 1.0]


def test_the_curve_of_many_pictures_is_short() -> None:
    generator = np.random.default_rng(0)
    table = Surest.of(generator.random(5000), generator.random(5000) < 0.7).table()
    assert 90 <= len(table) <= 100
    assert table["coverage"].iloc[-1] == 1


@pytest.mark.parametrize(("precision", "below"), [(0.99, 0.9), (0.74, 0.6), (0.7, 0.6), (0.6, 0.5), (0.1, 0.5)])
def test_a_precision_is_reached_with_as_many_answers_as_can_be(precision: float, below: float) -> None:
    assert threshold(SUREST, Abstain(precision=precision)) == below


@pytest.mark.parametrize(("coverage", "below"), [(0.1, 0.9), (0.2, 0.9), (0.3, 0.8), (0.8, 0.6), (0.99, 0.5)])
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


@pytest.mark.parametrize("below", [None, 0.8, 0.99])
def test_plot_is_drawn(tmp_path: Path, below: float | None) -> None:
    for name in ("one.png", "two.png"):
        save_coverage(tmp_path / name, SUREST.table(), below)
    assert (tmp_path / "one.png").read_bytes() == (tmp_path / "two.png").read_bytes()
