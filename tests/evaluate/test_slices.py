"""Parts of the pictures are measured for themselves."""

import numpy as np
import pandas as pd
import pytest

from graft.evaluate.slices import by_slice
from graft.stats.intervals import wilson


def test_slices_by_hand() -> None:
    rows = pd.DataFrame({"kind": ["m", "p", "m", "m"], "site": ["x", "x", "x", "x"], "group": [""] * 4})
    found, _ = by_slice(np.array([True, False, True, False]), rows, ["kind", "site"])
    assert list(found) == ["kind=m", "kind=p", "site=x"]
    assert [(row["images"], row["accuracy"]) for row in found.values()] == [
        (3, pytest.approx(2 / 3)),
        (1, 0.0),
        (4, 0.5),
    ]
    mono = wilson(2, 3)
    assert (found["kind=m"]["accuracy_low"], found["kind=m"]["accuracy_high"]) == (mono.low, mono.high)


def test_no_column_is_no_slice() -> None:
    assert by_slice(np.array([True]), pd.DataFrame({"group": [""]}), []) == ({}, [])


def test_a_slice_of_one_group_has_no_interval() -> None:
    rows = pd.DataFrame({"kind": ["m", "m", "p", "p"], "group": ["a", "a", "b", "c"]})
    found, _ = by_slice(np.array([True, False, True, False]), rows, ["kind"])
    assert (found["kind=m"]["accuracy_low"], found["kind=m"]["accuracy_high"]) == (None, None)
    assert found["kind=p"]["accuracy_low"] == wilson(1, 2).low


def test_of_many_values_those_with_most_images_are_shown() -> None:
    values = [f"v{place:03}" for place in range(50)] + ["v049", "v048", "", "", ""]
    rows = pd.DataFrame({"site": values, "kind": "m", "group": ""})
    found, left_out = by_slice(np.ones(len(rows), dtype=bool), rows, ["site", "kind"])
    assert list(found)[:4] == ["site=(none)", "site=v048", "site=v049", "site=v000"]
    assert [row["images"] for row in found.values()] == [3, 2, 2, *[1] * 17, 55]
    assert left_out == ["site has 51 values: the 20 with most pictures are shown."]
