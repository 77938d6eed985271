"""Scores of probabilities are scikit-learn's."""

from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from sklearn.metrics import average_precision_score, brier_score_loss, roc_auc_score, top_k_accuracy_score

from graft.evaluate.evaluation import metrics_of
from graft.evaluate.metrics import ClassScores, brier, class_mean, measure_classes, top_k
from graft.tasks import MultiLabel, SingleLabel, Task


@pytest.mark.slow
@settings(max_examples=25, deadline=None)
@given(st.integers(0, 2**32 - 1), st.integers(3, 9), st.integers(20, 60))
def test_they_are_scikit_learns(seed: int, kinds: int, count: int) -> None:
    generator = np.random.default_rng(seed)
    probabilities = generator.dirichlet(np.ones(kinds), count)
    targets = np.concatenate([np.arange(kinds), generator.integers(0, kinds, count - kinds)])
    labels, held = list(range(kinds)), np.eye(kinds, dtype=np.int64)[targets]
    for k in (1, 2, kinds - 1):
        wanted = top_k_accuracy_score(targets, probabilities, k=k, labels=labels)
        assert top_k(probabilities, targets, k).mean() == pytest.approx(wanted)
    wanted = brier_score_loss(targets, probabilities, labels=labels, scale_by_half=False)
    assert brier(probabilities, held).mean() == pytest.approx(wanted)
    classes, _ = measure_classes([str(label) for label in labels], held, held, probabilities)
    for position, row in enumerate(classes.values()):
        truth, scores = held[:, position], probabilities[:, position]
        assert row.roc_auc == pytest.approx(roc_auc_score(truth, scores))
        assert row.average_precision == pytest.approx(average_precision_score(truth, scores))


def test_of_equally_probable_classes_the_first_counts() -> None:
    probabilities = np.full((3, 3), 1 / 3)
    assert top_k(probabilities, np.array([0, 1, 2]), 1).tolist() == [1, 0, 0]
    assert top_k(probabilities, np.array([0, 1, 2]), 2).tolist() == [1, 1, 0]


def test_what_cannot_be_ranked_has_no_value() -> None:
    held = np.array([[1, 0], [1, 0]])
    classes, undefined = measure_classes(["all", "none"], held, held, np.array([[0.6, 0.4], [0.7, 0.3]]))
    assert (classes["all"].roc_auc, classes["all"].average_precision) == (None, 1.0)
    assert (classes["none"].roc_auc, classes["none"].average_precision) == (None, None)
    assert undefined["all.roc_auc"] == undefined["none.roc_auc"] == "every image in this split has it, or none"


def scores(f1: float | None) -> ClassScores:
    """Scores of a class that have no value but one."""
    return ClassScores(precision=None, recall=None, f1=f1, roc_auc=None, average_precision=None, images=0)


def test_a_mean_leaves_out_what_has_no_value() -> None:
    assert class_mean({"a": scores(0.5), "b": scores(None)}, "f1") == 0.5
    assert class_mean({"b": scores(None)}, "f1") is None


@pytest.mark.parametrize(
    ("task", "targets"),
    [
        (SingleLabel(["a", "b"]), np.array([0, 1, 1])),
        (MultiLabel(["a", "b"]), np.array([[1, 0], [0, 1], [1, 1]], dtype=np.float32)),
    ],
    ids=["one label", "several"],
)
def test_every_figure_that_is_named_is_measured(task: Task, targets: NDArray[Any]) -> None:
    metrics = metrics_of(task)
    probabilities = np.array([[0.75, 0.25], [0.25, 0.75], [0.75, 0.25]])
    found = metrics.measure(probabilities, np.ones(3), targets, pd.Series(["", "", ""]))
    assert {*metrics.headline, *metrics.side_by_side, *metrics.meanings} - {"top_5_accuracy", "images"} <= set(
        found.figures
    )
    assert set(metrics.baseline) <= set(found.majority.figures)
    both = {"head": found, "finetuned": found}
    assert list(metrics.headlines(both, "head")) == ["test", "head", "finetuned", "majority", "interval", "kept"]
