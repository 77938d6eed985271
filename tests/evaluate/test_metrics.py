"""Metrics are sklearn's, and what has no value is None with a reason."""

import json
import math
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from sklearn.metrics import accuracy_score, confusion_matrix, f1_score, log_loss, precision_score, recall_score

from graft.evaluate.metrics import by_slice, confusion, measure, per_class
from graft.intervals import wilson


def alone(count: int) -> pd.Series:
    """Pictures without groups."""
    return pd.Series([""] * count, dtype=str)


def sure(predicted: list[int], classes: int) -> NDArray[np.float64]:
    """Probabilities of one who is nine tenths sure."""
    rest = 0.1 / (classes - 1)
    return np.where(np.eye(classes)[predicted] == 1, 0.9, rest)


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 2**32 - 1), st.integers(2, 6), st.integers(12, 60))
def test_measure_is_what_sklearn_says(seed: int, kinds: int, count: int) -> None:
    generator = np.random.default_rng(seed)
    probabilities = generator.dirichlet(np.ones(kinds), count)
    targets = np.concatenate([np.arange(kinds), generator.integers(0, kinds, count - kinds)])
    classes = [f"c{place}" for place in range(kinds)]
    predicted = probabilities.argmax(1)
    found = measure(probabilities, targets, classes, alone(count))
    labels = list(range(kinds))
    assert found["pictures"] == count
    assert found["accuracy"] == pytest.approx(accuracy_score(targets, predicted))
    assert found["error_rate"] == pytest.approx(1 - accuracy_score(targets, predicted))
    assert found["macro_f1"] == pytest.approx(f1_score(targets, predicted, average="macro", labels=labels))
    assert found["log_loss"] == pytest.approx(log_loss(targets, probabilities, labels=labels))
    assert found["log_loss"] == pytest.approx(-np.mean([math.log(probabilities[n, t]) for n, t in enumerate(targets)]))
    interval = wilson(int((predicted == targets).sum()), count)
    assert (found["accuracy_low"], found["accuracy_high"], found["interval"]) == (interval.low, interval.high, "Wilson")
    for key, score in (("precision", precision_score), ("recall", recall_score), ("f1", f1_score)):
        wanted = score(targets, predicted, average=None, labels=labels, zero_division=0)
        told = [found["classes"][name][key] for name in classes]
        assert [value or 0.0 for value in told] == pytest.approx(list(wanted))
        assert [value is None for value in told] == [
            key == "precision" and not (predicted == place).any() for place in labels
        ]
    assert set(found["undefined"]) == {
        f"{name}.precision" for place, name in enumerate(classes) if not (predicted == place).any()
    }
    json.dumps(found, allow_nan=False)


def test_measure_by_hand() -> None:
    found = measure(sure([0, 0, 1, 1, 1], 2), np.array([0, 1, 1, 1, 0]), ["cat", "dog"], alone(5))
    assert found["accuracy"] == 0.6
    assert found["classes"]["cat"] == {"precision": 0.5, "recall": 0.5, "f1": 0.5, "pictures": 2}
    dog = found["classes"]["dog"]
    assert (dog["precision"], dog["recall"], dog["f1"], dog["pictures"]) == pytest.approx((2 / 3, 2 / 3, 2 / 3, 3))
    assert found["macro_f1"] == pytest.approx((1 / 2 + 2 / 3) / 2)
    assert found["log_loss"] == pytest.approx(-(3 * math.log(0.9) + 2 * math.log(0.1)) / 5)
    assert found["majority"] == {"class": "dog", "accuracy": 0.6}
    assert found["undefined"] == {}


def test_the_first_of_equal_classes_is_the_majority() -> None:
    found = measure(sure([0, 1], 2), np.array([1, 0]), ["cat", "dog"], alone(2))
    assert found["majority"] == {"class": "cat", "accuracy": 0.5}


def test_groups_choose_the_interval() -> None:
    groups = pd.Series(["g", "g", "h", "h"])
    found = measure(sure([0, 0, 1, 1], 2), np.array([0, 0, 0, 0]), ["cat", "dog"], groups)
    assert found["interval"] == "by group"
    assert (found["accuracy_low"], found["accuracy_high"]) == (0.0, 1.0)


NEVER, ABSENT, NEITHER = "never predicted", "no picture in this split", "neither predicted nor in this split"


@pytest.mark.parametrize(
    ("predicted", "targets", "figures", "undefined"),
    [
        (
            [0, 1, 0],
            [0, 1, 1],
            {"a": (0.5, 1.0, 2 / 3, 1), "b": (1.0, 0.5, 2 / 3, 2), "c": (None, None, None, 0)},
            {"c.precision": NEVER, "c.recall": ABSENT, "c.f1": NEITHER},
        ),
        (
            [2, 1, 0],
            [0, 1, 0],
            {"a": (1.0, 0.5, 2 / 3, 2), "b": (1.0, 1.0, 1.0, 1), "c": (0.0, None, 0.0, 0)},
            {"c.recall": ABSENT},
        ),
        (
            [0, 0, 0],
            [0, 1, 2],
            {"a": (1 / 3, 1.0, 0.5, 1), "b": (None, 0.0, 0.0, 1), "c": (None, 0.0, 0.0, 1)},
            {"b.precision": NEVER, "c.precision": NEVER},
        ),
        (
            [1, 2, 0],
            [0, 1, 2],
            {"a": (0.0, 0.0, 0.0, 1), "b": (0.0, 0.0, 0.0, 1), "c": (0.0, 0.0, 0.0, 1)},
            {},
        ),
        (
            [0],
            [0],
            {"a": (1.0, 1.0, 1.0, 1), "b": (None, None, None, 0), "c": (None, None, None, 0)},
            {
                f"{name}.{key}": why
                for name in "bc"
                for key, why in zip(("precision", "recall", "f1"), (NEVER, ABSENT, NEITHER), strict=True)
            },
        ),
    ],
    ids=["absent class", "absent but predicted", "always one answer", "all wrong", "one picture"],
)
def test_what_has_no_value_is_none_with_a_reason(
    predicted: list[int], targets: list[int], figures: dict[str, Any], undefined: dict[str, str]
) -> None:
    table, reasons = per_class(np.array(predicted), np.array(targets), ["a", "b", "c"])
    keys = ("precision", "recall", "f1", "pictures")
    for name, values in figures.items():
        assert [table[name][key] for key in keys] == pytest.approx(list(values))
    assert reasons == undefined
    found = measure(sure(predicted, 3), np.array(targets), ["a", "b", "c"], alone(len(targets)))
    json.dumps(found, allow_nan=False)
    assert found["macro_f1"] == pytest.approx(np.mean([row[2] for row in figures.values() if row[2] is not None]))


def test_a_certain_mistake_costs_much_but_not_without_end() -> None:
    found = measure(np.array([[1.0, 0.0], [0.0, 1.0]]), np.array([1, 1]), ["a", "b"], alone(2))
    assert 10 < found["log_loss"] < 1000


def test_slices_by_hand() -> None:
    rows = pd.DataFrame({"kind": ["m", "p", "m", "m"], "site": ["x", "x", "x", "x"], "group": [""] * 4})
    found = by_slice(np.array([True, False, True, False]), rows, ["kind", "site"])
    assert list(found) == ["kind=m", "kind=p", "site=x"]
    assert [(row["pictures"], row["accuracy"]) for row in found.values()] == [
        (3, pytest.approx(2 / 3)),
        (1, 0.0),
        (4, 0.5),
    ]
    mono = wilson(2, 3)
    assert (found["kind=m"]["accuracy_low"], found["kind=m"]["accuracy_high"]) == (mono.low, mono.high)


def test_no_column_is_no_slice() -> None:
    assert by_slice(np.array([True]), pd.DataFrame({"group": [""]}), []) == {}


@settings(max_examples=30, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 3), st.integers(0, 3)), min_size=1, max_size=30))
def test_confusion_is_sklearns(pairs: list[tuple[int, int]]) -> None:
    targets, predicted = np.array(pairs).T
    wanted = confusion_matrix(targets, predicted, labels=range(4))
    np.testing.assert_array_equal(confusion(predicted, targets, list("abcd")), wanted)
