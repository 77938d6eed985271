"""Average precision by hand and against its definition."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from graft.tasks.multi_label import average_precisions, mean_average_precision


def test_average_precision_by_hand() -> None:
    targets = np.array([[1, 0, 0], [0, 1, 0], [1, 1, 0], [0, 0, 0]])
    scores = np.array([[0.9, 0.4, 0.1], [0.8, 0.3, 0.2], [0.7, 0.2, 0.3], [0.1, 0.1, 0.4]])
    # first: found at ranks 1 and 3; second: at ranks 2 and 3; third: nothing to find
    wanted = [(1 + 2 / 3) / 2, (1 / 2 + 2 / 3) / 2, None]
    assert average_precisions(targets, scores) == pytest.approx(wanted)
    assert mean_average_precision(targets, scores) == pytest.approx((5 / 6 + 7 / 12) / 2)


def test_nothing_to_find_has_no_mean() -> None:
    assert mean_average_precision(np.zeros((3, 2)), np.ones((3, 2))) is None


def test_scores_that_are_no_numbers_give_none() -> None:
    found = average_precisions(np.array([[1, 1], [0, 1]]), np.array([[np.nan, 1.0], [1.0, 0.0]]))
    assert found[0] is not None
    assert math.isnan(found[0])
    assert found[1] == 1.0


@settings(max_examples=30, deadline=None)
@given(st.lists(st.booleans(), min_size=1, max_size=20).filter(any))
def test_average_precision_is_the_mean_precision_where_something_is_found(held: list[bool]) -> None:
    scores = np.linspace(1, 0, len(held))
    found = np.cumsum(held)
    wanted = np.mean([found[rank] / (rank + 1) for rank, holds in enumerate(held) if holds])
    assert average_precisions(np.array(held)[:, None], scores[:, None])[0] == pytest.approx(wanted)
    constant = average_precisions(np.array(held)[:, None], np.ones((len(held), 1)))[0]
    assert constant == pytest.approx(np.mean(held))  # nothing ranked: as often as by chance
