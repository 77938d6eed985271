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
from sklearn.metrics import (
    accuracy_score,
    average_precision_score,
    balanced_accuracy_score,
    brier_score_loss,
    confusion_matrix,
    f1_score,
    log_loss,
    precision_score,
    recall_score,
    roc_auc_score,
    top_k_accuracy_score,
)

from graft.evaluate.metrics import UNDEFINED, Scores
from graft.evaluate.single_label import SingleLabelMetrics, weighted_figures
from graft.stats.intervals import wilson
from graft.tasks import SingleLabel


def measure(
    probabilities: NDArray[np.float64], targets: NDArray[np.int64], classes: list[str], groups: pd.Series
) -> Scores:
    """Measure with the losses that the probabilities give."""
    return SingleLabelMetrics(SingleLabel(classes)).measure(
        probabilities, losses(probabilities, targets), targets, groups
    )


def losses(probabilities: NDArray[np.float64], targets: NDArray[np.int64]) -> NDArray[np.float64]:
    """Log loss of each picture."""
    return -np.log(probabilities[np.arange(len(targets)), targets])


def alone(count: int) -> pd.Series:
    """Pictures without groups."""
    return pd.Series([""] * count, dtype=str)


def sure(predicted: list[int], classes: int) -> NDArray[np.float64]:
    """Probabilities of one who is nine tenths sure."""
    rest = 0.1 / (classes - 1)
    return np.where(np.eye(classes)[predicted] == 1, 0.9, rest)


@pytest.mark.slow
@settings(max_examples=25, deadline=None)
@given(st.integers(0, 2**32 - 1), st.integers(2, 6), st.integers(12, 60))
def test_measure_is_what_sklearn_says(seed: int, kinds: int, count: int) -> None:
    generator = np.random.default_rng(seed)
    probabilities = generator.dirichlet(np.ones(kinds), count)
    targets = np.concatenate([np.arange(kinds), generator.integers(0, kinds, count - kinds)])
    classes = [f"c{place}" for place in range(kinds)]
    predicted = probabilities.argmax(1)
    found = measure(probabilities, targets, classes, alone(count))
    figures: dict[str, Any] = found.figures
    labels = list(range(kinds))
    assert found.images == count
    assert figures["accuracy"] == pytest.approx(accuracy_score(targets, predicted))
    assert figures["error_rate"] == pytest.approx(1 - accuracy_score(targets, predicted))
    assert figures["macro_f1"] == pytest.approx(f1_score(targets, predicted, average="macro", labels=labels))
    assert figures["log_loss"] == pytest.approx(log_loss(targets, probabilities, labels=labels))
    assert figures["log_loss"] == pytest.approx(
        -np.mean([math.log(probabilities[n, t]) for n, t in enumerate(targets)])
    )
    assert figures["balanced_accuracy"] == pytest.approx(balanced_accuracy_score(targets, predicted))
    assert figures["weighted_f1"] == pytest.approx(f1_score(targets, predicted, average="weighted", labels=labels))
    assert figures["brier"] == pytest.approx(
        brier_score_loss(targets, probabilities, labels=labels, scale_by_half=False)
    )
    held = np.eye(kinds, dtype=np.int64)[targets]
    assert figures["roc_auc"] == pytest.approx(roc_auc_score(held, probabilities))
    assert figures["average_precision"] == pytest.approx(average_precision_score(held, probabilities))
    if kinds > 5:
        assert figures["top_5_accuracy"] == pytest.approx(
            top_k_accuracy_score(targets, probabilities, k=5, labels=labels)
        )
    else:
        assert "top_5_accuracy" not in figures
    answered = ("balanced_accuracy", "macro_f1") if 0 < figures["accuracy"] < 1 else ()  # else every draw agrees
    for name in (*answered, "log_loss", "brier"):
        assert figures[f"{name}_low"] < figures[name] < figures[f"{name}_high"]
    assert (figures["error_rate_low"], figures["error_rate_high"]) == (
        1 - figures["accuracy_high"],
        1 - figures["accuracy_low"],
    )
    interval = wilson(int((predicted == targets).sum()), count)
    assert (figures["accuracy_low"], figures["accuracy_high"], found.interval) == (
        interval.low,
        interval.high,
        "Wilson",
    )
    for key, score in (("precision", precision_score), ("recall", recall_score), ("f1", f1_score)):
        wanted = score(targets, predicted, average=None, labels=labels, zero_division=0)
        told = [getattr(found.classes[name], key) for name in classes]
        assert [value or 0.0 for value in told] == pytest.approx(list(wanted))
        assert [value is None for value in told] == [
            key == "precision" and not (predicted == place).any() for place in labels
        ]
    assert set(found.undefined) == {
        f"{name}.precision" for place, name in enumerate(classes) if not (predicted == place).any()
    }
    json.dumps(found.model_dump(), allow_nan=False)


def test_measure_by_hand() -> None:
    found = measure(sure([0, 0, 1, 1, 1], 2), np.array([0, 1, 1, 1, 0]), ["cat", "dog"], alone(5))
    assert found.figures["accuracy"] == 0.6
    cat, dog = found.classes["cat"], found.classes["dog"]
    assert (cat.precision, cat.recall, cat.f1, cat.images) == (0.5, 0.5, 0.5, 2)
    assert cat.roc_auc == pytest.approx(7 / 12)
    assert (dog.precision, dog.recall, dog.f1, dog.images) == pytest.approx((2 / 3, 2 / 3, 2 / 3, 3))
    assert found.figures["macro_f1"] == pytest.approx((1 / 2 + 2 / 3) / 2)
    assert found.figures["log_loss"] == pytest.approx(-(3 * math.log(0.9) + 2 * math.log(0.1)) / 5)
    assert (found.majority.answer, found.majority.figures) == ("dog", {"accuracy": 0.6})
    assert found.undefined == {}


def test_the_first_of_equal_classes_is_the_majority() -> None:
    found = measure(sure([0, 1], 2), np.array([1, 0]), ["cat", "dog"], alone(2))
    assert (found.majority.answer, found.majority.figures) == ("cat", {"accuracy": 0.5})


def test_groups_choose_the_interval() -> None:
    groups = pd.Series(["g", "g", "h", "h"])
    found = measure(sure([0, 0, 1, 1], 2), np.array([0, 0, 0, 0]), ["cat", "dog"], groups)
    assert found.interval == "by group"
    assert (found.figures["accuracy_low"], found.figures["accuracy_high"]) == (0.0, 1.0)


NEVER, ABSENT, NEITHER = (UNDEFINED[name] for name in ("precision", "recall", "f1"))


def absent(name: str) -> dict[str, str]:
    """Why a class that no image has cannot be ranked."""
    return {f"{name}.{figure}": UNDEFINED[figure] for figure in ("roc_auc", "average_precision")}


@pytest.mark.parametrize(
    ("predicted", "targets", "figures", "undefined"),
    [
        (
            [0, 1, 0],
            [0, 1, 1],
            {"a": (0.5, 1.0, 2 / 3, 1), "b": (1.0, 0.5, 2 / 3, 2), "c": (None, None, None, 0)},
            {"c.precision": NEVER, "c.recall": ABSENT, "c.f1": NEITHER} | absent("c"),
        ),
        (
            [2, 1, 0],
            [0, 1, 0],
            {"a": (1.0, 0.5, 2 / 3, 2), "b": (1.0, 1.0, 1.0, 1), "c": (0.0, None, 0.0, 0)},
            {"c.recall": ABSENT} | absent("c"),
        ),
        (
            [0, 0, 0],
            [0, 1, 2],
            {"a": (1 / 3, 1.0, 0.5, 1), "b": (None, 0.0, 0.0, 1), "c": (None, 0.0, 0.0, 1)},
            {"b.precision": NEVER, "c.precision": NEVER},
        ),
        ([1, 2, 0], [0, 1, 2], {"a": (0.0, 0.0, 0.0, 1), "b": (0.0, 0.0, 0.0, 1), "c": (0.0, 0.0, 0.0, 1)}, {}),
        (
            [0],
            [0],
            {"a": (1.0, 1.0, 1.0, 1), "b": (None, None, None, 0), "c": (None, None, None, 0)},
            {
                f"{name}.{key}": why
                for name in "bc"
                for key, why in zip(("precision", "recall", "f1"), (NEVER, ABSENT, NEITHER), strict=True)
            }
            | absent("b")
            | absent("c")
            | {"a.roc_auc": UNDEFINED["roc_auc"]},
        ),
    ],
    ids=["absent class", "absent but predicted", "always one answer", "all wrong", "one picture"],
)
def test_what_has_no_value_is_none_with_a_reason(
    predicted: list[int], targets: list[int], figures: dict[str, Any], undefined: dict[str, str]
) -> None:
    found = measure(sure(predicted, 3), np.array(targets), ["a", "b", "c"], alone(len(targets)))
    keys = ("precision", "recall", "f1", "images")
    for name, values in figures.items():
        assert [getattr(found.classes[name], key) for key in keys] == pytest.approx(list(values))
    assert {name: why for name, why in found.undefined.items() if "." in name} == undefined
    json.dumps(found.model_dump(), allow_nan=False)
    assert found.figures["macro_f1"] == pytest.approx(
        np.mean([row[2] for row in figures.values() if row[2] is not None])
    )


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 2**32 - 1))
def test_weights_count_images_again(seed: int) -> None:
    """An image of weight 2 counts like two images, one of weight 0 like none."""
    generator = np.random.default_rng(seed)
    probabilities, targets = generator.dirichlet(np.ones(7), 20), generator.integers(0, 7, 20)
    weights = generator.integers(0, 3, 20)
    weights[0] = 1
    again, told = np.repeat(np.arange(20), weights), losses(probabilities, targets)
    wanted = weighted_figures(probabilities[again], told[again], targets[again])(np.ones(len(again)))
    assert weighted_figures(probabilities, told, targets)(weights.astype(np.float64)) == pytest.approx(wanted)


def test_one_class_only_has_no_area() -> None:
    found = measure(sure([0, 1], 2), np.array([0, 0]), ["a", "b"], alone(2))
    assert found.figures["roc_auc"] is None
    assert found.undefined["roc_auc"] == "the split holds images of one class only"


@pytest.mark.slow
def test_intervals_hold_the_truth() -> None:
    """Macro F1 and log loss of a known classifier, over many samples."""
    inside = {"macro_f1": 0, "log_loss": 0}
    chance = np.array([[0.8, 0.2], [0.3, 0.7]])  # of answers, by actual class: recalls 0.8 and 0.7
    truth = {"macro_f1": (1.6 / 2.1 + 1.4 / 1.9) / 2, "log_loss": -(0.75 * math.log(0.9) + 0.25 * math.log(0.1))}
    for seed in range(60):
        generator = np.random.default_rng(seed)
        targets = np.arange(300) % 2
        answers = (generator.random(300) >= chance[targets, 0]).astype(int)
        figures: dict[str, Any] = measure(sure(answers.tolist(), 2), targets, ["a", "b"], alone(300)).figures
        for name, value in truth.items():
            inside[name] += figures[f"{name}_low"] <= value <= figures[f"{name}_high"]
    assert all(0.88 <= count / 60 <= 1 for count in inside.values())


METRICS = SingleLabelMetrics(SingleLabel(["cat", "dog", "owl", "ape"]))


def table(actual: list[int], predicted: list[int]) -> pd.DataFrame:
    """The columns of predictions.csv that are counted."""
    names = METRICS.task.classes
    return pd.DataFrame({"label": [names[k] for k in actual], "predicted": [names[k] for k in predicted]})


COUNTS = METRICS.confusion(table([0, 0, 0, 0, 1, 1, 2, 2, 2], [0, 1, 1, 2, 1, 0, 0, 0, 2]))


@settings(max_examples=30, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 3), st.integers(0, 3)), min_size=1, max_size=30))
def test_confusion_is_sklearns(pairs: list[tuple[int, int]]) -> None:
    actual, predicted = (list(numbers) for numbers in zip(*pairs, strict=True))
    wanted = confusion_matrix(actual, predicted, labels=range(4))
    np.testing.assert_array_equal(METRICS.confusion(table(actual, predicted)), wanted)


def test_pairs_that_are_confused_by_hand() -> None:
    found = METRICS.most_confused(COUNTS)
    assert found.to_csv(index=False).splitlines() == [
        "actual,predicted,images",
        "cat,dog,2",
        "owl,cat,2",
        "cat,owl,1",
        "dog,cat,1",
    ]
    assert METRICS.most_confused(np.diag([3, 0, 1, 2])).to_csv(index=False) == "actual,predicted,images\n"


def test_the_confusion_matrix_as_a_table() -> None:
    found = METRICS.confusion_table(COUNTS)
    assert found.assign(share=found["share"].map("{:.6g}".format)).to_numpy().tolist() == [
        ["cat", "cat", 1, "0.25"],
        ["cat", "dog", 2, "0.5"],
        ["cat", "owl", 1, "0.25"],
        ["dog", "cat", 1, "0.5"],
        ["dog", "dog", 1, "0.5"],
        ["owl", "cat", 2, "0.666667"],
        ["owl", "owl", 1, "0.333333"],
        ["ape", "ape", 0, "nan"],
    ]
