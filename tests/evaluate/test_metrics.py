"""Scores of probabilities are scikit-learn's."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import average_precision_score, brier_score_loss, roc_auc_score, top_k_accuracy_score

from graft.evaluate.metrics import brier, mean_of, ranked, top_k


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
    for place, row in enumerate(ranked(held, probabilities)):
        truth, scores = held[:, place], probabilities[:, place]
        assert row["roc_auc"] == pytest.approx(roc_auc_score(truth, scores))
        assert row["average_precision"] == pytest.approx(average_precision_score(truth, scores))


def test_of_equally_probable_classes_the_first_counts() -> None:
    probabilities = np.full((3, 3), 1 / 3)
    assert top_k(probabilities, np.array([0, 1, 2]), 1).tolist() == [1, 0, 0]
    assert top_k(probabilities, np.array([0, 1, 2]), 2).tolist() == [1, 1, 0]


def test_what_cannot_be_ranked_has_no_value() -> None:
    held = np.array([[1, 0], [1, 0]])
    none, nothing = ranked(held, np.array([[0.6, 0.4], [0.7, 0.3]]))
    assert none == {"roc_auc": None, "average_precision": 1.0}
    assert nothing == {"roc_auc": None, "average_precision": None}


def test_a_mean_leaves_out_what_has_no_value() -> None:
    assert mean_of({"a": {"f1": 0.5}, "b": {"f1": None}}, "f1") == 0.5
    assert mean_of({"b": {"f1": None}}, "f1") is None
