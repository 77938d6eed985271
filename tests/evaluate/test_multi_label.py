"""Metrics of several labels are sklearn's, and what has no value is None with a reason."""

import json
import math
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from sklearn.metrics import (
    accuracy_score,
    average_precision_score,
    f1_score,
    hamming_loss,
    multilabel_confusion_matrix,
    precision_score,
    recall_score,
    roc_auc_score,
)

from graft.evaluate.metrics import Scores
from graft.evaluate.multi_label import MultiLabelMetrics
from graft.stats.intervals import wilson
from graft.tasks import MultiLabel


def measure(
    probabilities: NDArray[np.float64], targets: NDArray[np.float32], classes: list[str], groups: pd.Series
) -> Scores:
    """Measure with the losses that the probabilities give."""
    losses = -np.log(np.where(targets > 0, probabilities, 1 - probabilities)).mean(1)
    return MultiLabelMetrics(MultiLabel(classes)).measure(probabilities, losses, targets, groups)


def confusion(predicted: NDArray[np.int64], truth: NDArray[np.int64], classes: list[str]) -> NDArray[np.int64]:
    """Count answers as predictions.csv has them."""
    task = MultiLabel(classes)
    table = pd.DataFrame({"label": task.format_labels(truth), "predicted": task.format_labels(predicted)})
    return MultiLabelMetrics(task).confusion(table)


def alone(count: int) -> pd.Series:
    """Pictures without groups."""
    return pd.Series([""] * count, dtype=str)


def sure(decided: list[list[int]]) -> NDArray[np.float64]:
    """Probabilities of one who is nine tenths sure."""
    return np.where(np.array(decided) == 1, 0.9, 0.1)


@pytest.mark.slow
@settings(max_examples=25, deadline=None)
@given(st.integers(0, 2**32 - 1), st.integers(2, 5), st.integers(6, 40))
def test_measure_is_what_sklearn_says(seed: int, kinds: int, count: int) -> None:
    generator = np.random.default_rng(seed)
    truth = generator.integers(0, 2, (count, kinds))
    truth[0], truth[1] = 1, 0
    probabilities = generator.uniform(0.01, 0.99, (count, kinds))
    probabilities[0], probabilities[1] = 0.99, 0.01
    predicted = (probabilities >= 0.5).astype(int)
    classes = [f"c{place}" for place in range(kinds)]
    found = measure(probabilities, truth.astype(np.float32), classes, alone(count))
    figures: dict[str, Any] = found.figures
    assert found.images == count
    assert found.figures["exact_match"] == pytest.approx(accuracy_score(truth, predicted))
    assert found.figures["hamming_loss"] == pytest.approx(hamming_loss(truth, predicted))
    assert found.figures["micro_f1"] == pytest.approx(f1_score(truth, predicted, average="micro"))
    assert found.figures["macro_f1"] == pytest.approx(f1_score(truth, predicted, average="macro"))
    assert found.figures["mean_average_precision"] == pytest.approx(average_precision_score(truth, probabilities))
    assert found.figures["roc_auc"] == pytest.approx(roc_auc_score(truth, probabilities))
    assert found.figures["brier"] == pytest.approx(np.square(truth - probabilities).mean())
    for name in ("hamming_loss", "micro_f1", "macro_f1", "log_loss", "brier"):
        assert figures[f"{name}_low"] <= figures[name] <= figures[f"{name}_high"]
    chances = np.where(truth == 1, probabilities, 1 - probabilities)
    assert found.figures["log_loss"] == pytest.approx(-np.log(chances).mean())
    interval = wilson(int((predicted == truth).all(1).sum()), count)
    assert (found.figures["exact_match_low"], found.figures["exact_match_high"]) == (interval.low, interval.high)
    for key, scorer in (("precision", precision_score), ("recall", recall_score), ("f1", f1_score)):
        assert [getattr(found.classes[name], key) for name in classes] == pytest.approx(
            list(scorer(truth, predicted, average=None))
        )
    assert [row.images for row in found.classes.values()] == truth.sum(0).tolist()
    assert found.undefined == {}
    np.testing.assert_array_equal(confusion(predicted, truth, classes), multilabel_confusion_matrix(truth, predicted))
    json.dumps(found.model_dump(), allow_nan=False)


def test_measure_by_hand() -> None:
    truth = np.array([[1, 0], [1, 1], [0, 0], [1, 0]], dtype=np.float32)
    found = measure(sure([[1, 0], [1, 0], [0, 1], [1, 0]]), truth, ["haze", "snow"], alone(4))
    assert (found.figures["exact_match"], found.figures["hamming_loss"]) == (0.5, 0.25)
    assert found.figures["micro_f1"] == pytest.approx(2 * 3 / (2 * 3 + 1 + 1))
    assert found.classes["haze"].model_dump() == {
        "precision": 1.0,
        "recall": 1.0,
        "f1": 1.0,
        "roc_auc": 1.0,
        "average_precision": 1.0,
        "images": 3,
    }
    assert found.classes["snow"].f1 == 0.0
    assert found.figures["macro_f1"] == 0.5
    assert found.figures["log_loss"] == pytest.approx(-(6 * math.log(0.9) + 2 * math.log(0.1)) / 8)
    # three of four pictures have haze, one snow: always haze alone
    majority = found.majority
    assert (majority.answer, majority.figures["exact_match"], majority.figures["hamming_loss"]) == ("haze", 0.5, 0.25)
    assert majority.figures["mean_average_precision"] == pytest.approx((3 / 4 + 1 / 4) / 2)
    assert majority.figures["micro_f1"] == pytest.approx(2 * 3 / (2 * 3 + 1 + 1))


def test_groups_choose_the_interval() -> None:
    groups = pd.Series(["g", "g", "h", "h"])
    found = measure(sure([[1], [1], [0], [0]]), np.ones((4, 1), dtype=np.float32), ["haze"], groups)
    assert (found.interval, found.figures["exact_match_low"], found.figures["exact_match_high"]) == (
        "by group",
        0.0,
        1.0,
    )


KEYS = ("precision", "recall", "f1", "roc_auc", "average_precision")


@pytest.mark.parametrize(
    ("decided", "truth", "undefined", "means"),
    [
        ([[1, 0], [1, 0]], [[1, 0], [0, 0]], {f"b.{key}" for key in KEYS}, (2 / 3, 2 / 3, 0.5)),
        ([[0, 0], [0, 0]], [[1, 0], [0, 1]], {"a.precision", "b.precision"}, (0.0, 0.0, 0.5)),
        (
            [[1, 0], [0, 1]],
            [[0, 0], [0, 0]],
            {f"{name}.{key}" for name in "ab" for key in ("recall", "roc_auc", "average_precision")}
            | {"mean_average_precision", "roc_auc"},
            (0.0, 0.0, None),
        ),
        (
            [[0, 0], [0, 0]],
            [[0, 0], [0, 0]],
            {f"{name}.{key}" for name in "ab" for key in KEYS}
            | {"micro_f1", "macro_f1", "mean_average_precision", "roc_auc"},
            (None, None, None),
        ),
    ],
    ids=["absent class", "never an answer", "nothing holds", "nothing at all"],
)
def test_what_has_no_value_is_none_with_a_reason(
    decided: list[list[int]], truth: list[list[int]], undefined: set[str], means: tuple[Any, ...]
) -> None:
    found = measure(sure(decided), np.array(truth, dtype=np.float32), ["a", "b"], alone(2))
    assert set(found.undefined) == undefined
    told = [found.figures[key] for key in ("micro_f1", "macro_f1", "mean_average_precision")]
    assert told == [None if value is None else pytest.approx(value) for value in means]
    for name, row in found.classes.items():
        assert {f"{name}.{key}" for key, value in row.model_dump().items() if value is None} <= undefined
    json.dumps(found.model_dump(), allow_nan=False)


def test_one_class_is_enough() -> None:
    found = measure(sure([[1], [0], [0]]), np.array([[1], [1], [0]], dtype=np.float32), ["haze"], alone(3))
    assert found.classes["haze"].images == 2
    assert (found.figures["exact_match"], found.figures["micro_f1"]) == pytest.approx((2 / 3, 2 / 3))
    assert confusion(np.array([[1], [0], [0]]), np.array([[1], [1], [0]]), ["haze"]).tolist() == [[[1, 0], [1, 1]]]
