"""Every class and every slice is measured, and McNemar's test is a fair coin."""

import numpy as np
import pandas as pd
import pytest

from graft.apps.compare.paired import MAX_VALUES, mcnemar, measure_slices
from graft.stats.paired import share_difference


@pytest.mark.parametrize(
    ("gained", "lost", "p"),
    [(0, 0, 1.0), (5, 0, 2 / 2**5), (0, 6, 2 / 2**6), (4, 4, 1.0), (8, 2, 2 * (1 + 10 + 45) / 2**10)],
)
def test_mcnemar_is_a_fair_coin(gained: int, lost: int, p: float) -> None:
    assert mcnemar(gained, lost) == pytest.approx(p)


BEFORE = np.array([True, False, False, True, False, False, True, True])
AFTER = np.array([True, True, True, True, False, True, True, False])
KIND = ["m", "m", "p", "p", "m", "m", "p", "p"]


def test_every_class_and_every_value() -> None:
    rows = pd.DataFrame({"label": "x", "group": "", "kind": KIND})
    classes = pd.Series(["cat"] * 3 + ["dog"] * 5)
    found, left_out = measure_slices(BEFORE, AFTER, None, rows, classes)
    assert [(one.name, one.images) for one in found] == [
        ("label=cat", 3),
        ("label=dog", 5),
        ("kind=m", 4),
        ("kind=p", 4),
    ]
    assert left_out == []
    mono = found[2]
    inside = np.array(KIND) == "m"
    assert (mono.a, mono.b) == (0.25, 0.75)
    assert mono.difference == share_difference(BEFORE[inside], AFTER[inside], None)


def test_groups_stay_whole_inside_a_slice() -> None:
    rows = pd.DataFrame({"group": "x", "kind": KIND})
    of = np.array([0, 0, 3, 3, 1, 1, 3, 3])
    found, _ = measure_slices(BEFORE, AFTER, of, rows, None)
    inside = np.array(KIND) == "m"
    assert found[0].difference == share_difference(BEFORE[inside], AFTER[inside], np.array([0, 0, 1, 1]))
    assert (found[1].difference.low, found[1].difference.high) == (-1, 1)  # one group alone


def test_too_many_values_are_said_not_shown() -> None:
    rows = pd.DataFrame({"camera": [str(index) for index in range(MAX_VALUES + 1)]})
    flags = np.ones(MAX_VALUES + 1, dtype=bool)
    found, left_out = measure_slices(flags, flags, None, rows, None)
    assert found == []
    assert left_out == [f"camera has {MAX_VALUES + 1} values, too many to show one by one"]


def test_without_labels_there_are_classes_only() -> None:
    found, _ = measure_slices(BEFORE, AFTER, None, None, pd.Series(["cat"] * 8))
    assert [one.name for one in found] == ["label=cat"]
