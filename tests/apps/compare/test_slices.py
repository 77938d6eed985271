"""Parts of the test pictures, each with an interval of its own."""

import numpy as np
import pandas as pd

from graft.apps.compare.paired import share_difference
from graft.apps.compare.slices import MOST, by_slice

BEFORE = np.array([True, False, False, True, False, False, True, True])
AFTER = np.array([True, True, True, True, False, True, True, False])
KIND = ["m", "m", "p", "p", "m", "m", "p", "p"]


def test_every_class_and_every_value() -> None:
    rows = pd.DataFrame({"label": "x", "group": "", "kind": KIND})
    classes = pd.Series(["cat"] * 3 + ["dog"] * 5)
    found, left_out = by_slice(BEFORE, AFTER, None, rows, classes)
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
    found, _ = by_slice(BEFORE, AFTER, of, rows, None)
    inside = np.array(KIND) == "m"
    assert found[0].difference == share_difference(BEFORE[inside], AFTER[inside], np.array([0, 0, 1, 1]))
    assert (found[1].difference.low, found[1].difference.high) == (-1, 1)  # one group alone


def test_too_many_values_are_said_not_shown() -> None:
    rows = pd.DataFrame({"camera": [str(place) for place in range(MOST + 1)]})
    flags = np.ones(MOST + 1, dtype=bool)
    found, left_out = by_slice(flags, flags, None, rows, None)
    assert found == []
    assert left_out == [f"camera has {MOST + 1} values, too many to show one by one"]


def test_without_labels_there_are_classes_only() -> None:
    found, _ = by_slice(BEFORE, AFTER, None, None, pd.Series(["cat"] * 8))
    assert [one.name for one in found] == ["label=cat"]
