"""Every labelled image is asked of a head that never saw it, and the interval holds the accuracy of a head of all."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from benchmarks.coverage import Setting, coverage
from graft.evaluate.cross_validated import OVERLAP, cross_validated, widened
from graft.evaluate.metrics import Figures
from graft.tasks import SingleLabel
from tests.report.stored_features import alone, dataset, stored, two_clouds

AB = SingleLabel(["a", "b"])


def test_all_splits_are_counted(tmp_path: Path) -> None:
    features, labels = two_clouds(300)
    splits = np.resize(["train", "valid", "test", "excluded", "train"], 300)
    scores = cross_validated(dataset(labels.tolist(), splits.tolist()), alone(300), stored(tmp_path, features), AB, 0.1)
    assert scores
    assert scores.images == 240
    accuracy = scores.figures["accuracy"]
    assert accuracy
    assert 0.88 < accuracy < 1
    assert set(scores.classes) == {"a", "b"}


def test_copies_cannot_flatter(tmp_path: Path) -> None:
    """Noise whose every image lies there twice: a fold that parts the two knows the answer by heart."""
    generator = np.random.default_rng(0)
    features = np.repeat(generator.normal(size=(60, 200)), 2, 0)
    labels = np.repeat(generator.permutation(np.resize(["a", "b"], 60)), 2)
    made, embeddings = dataset(labels.tolist()), stored(tmp_path, features)
    twins = pd.Series(np.repeat(np.arange(60), 2)).astype(str)
    together, apart = (cross_validated(made, copies, embeddings, AB, 0.01) for copies in (twins, alone(120)))
    assert together
    assert apart
    assert together.figures["accuracy"] < 0.7 < 0.85 < apart.figures["accuracy"]  # type: ignore[operator]
    assert together.interval == "by group"


def test_one_group_says_nothing(tmp_path: Path) -> None:
    features, labels = two_clouds(30)
    assert (
        cross_validated(dataset(labels.tolist(), group=["g"] * 30), alone(30), stored(tmp_path, features), AB, 1)
        is None
    )


def test_an_image_of_a_class_that_no_other_fold_has_is_left_out(tmp_path: Path) -> None:
    features, labels = two_clouds(100)
    labels[7] = "c"
    task = SingleLabel(["a", "b", "c"])
    scores = cross_validated(dataset(labels.tolist()), alone(100), stored(tmp_path, features), task, 0.1)
    assert scores
    assert scores.images == 99
    assert np.isfinite(scores.figures["log_loss"])  # type: ignore[arg-type]


def test_intervals_widen_within_what_is_possible() -> None:
    figures: Figures = {"accuracy": 0.9, "accuracy_low": 0.8, "accuracy_high": 0.99, "ece": 0.1, "roc_auc": None}
    figures |= {"log_loss": 0.9, "log_loss_low": 0.1, "log_loss_high": 1.2, "macro_f1": 0.5, "macro_f1_low": None}
    found = widened(figures)
    assert found["accuracy_low"] == pytest.approx(0.9 - 0.1 * OVERLAP)
    assert found["accuracy_high"] == 1
    assert found["log_loss_low"] == 0
    assert found["log_loss_high"] == pytest.approx(0.9 + 0.3 * OVERLAP)
    assert (found["ece"], found["roc_auc"], found["macro_f1_low"]) == (0.1, None, None)


@pytest.mark.slow
@pytest.mark.parametrize("setting", [Setting(100, 0, 30), Setting(300, 0, 60), Setting(300, 15, 30)])
def test_the_interval_covers_the_accuracy_of_a_head_of_all_images(setting: Setting) -> None:
    """In 90 to 99 of 100 draws, where that of as many independent images does so too seldom."""
    plain, wide = coverage(setting)
    assert plain < wide
    assert 0.9 <= wide <= 0.99
