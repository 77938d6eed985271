"""Every labelled image is asked of a head that never saw it, and the interval holds the accuracy of a head of all."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from numpy.typing import NDArray

from graft.core.seeds import derive
from graft.evaluate.cross_validated import OVERLAP, cross_validated, widened
from graft.evaluate.metrics import Figures
from graft.heads.cross_validate import FOLDS, make_folds
from graft.stats.intervals import accuracy_interval
from graft.tasks import SingleLabel
from tests.report.stored_features import alone, dataset, stored, two_clouds

AB = SingleLabel(["a", "b"])
Array = NDArray[Any]


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


def draw(generator: np.random.Generator, count: int, groups: int, width: int) -> tuple[Array, Array, Array]:
    """Features, classes and groups of some images; a group has features and a mixture of classes of its own."""
    group = generator.integers(groups, size=count) if groups else np.arange(count)
    shift = generator.normal(size=(group.max() + 1, width + 1)) * (0.5 if groups else 0)
    target = (generator.random(count) < 1 / (1 + np.exp(-1.5 * shift[group, 0]))).astype(int)
    features = generator.normal(size=(count, width)) + shift[group, 1:]
    features[:, 0] += 2 * target - 1
    return features, target, group


def ridge(features: Array, targets: Array, asked: Array) -> Array:
    """Class of each image asked, by least squares."""
    mean, signs = features.mean(0), 2.0 * targets - 1
    centred = features - mean
    square = centred.T @ centred + 0.3 * len(features) * np.eye(features.shape[1])
    weight = np.linalg.solve(square, centred.T @ (signs - signs.mean()))
    answers: Array = ((asked - mean) @ weight + signs.mean() > 0).astype(int)
    return answers


@pytest.mark.slow
@pytest.mark.parametrize(("count", "groups", "width"), [(100, 0, 30), (300, 0, 60), (300, 15, 30)])
def test_the_interval_covers_the_accuracy_of_a_head_of_all_images(count: int, groups: int, width: int) -> None:
    """In 90 to 99 of 100 draws, where that of as many independent images does so too seldom."""
    generator = np.random.default_rng(derive(0, "coverage", count, groups))
    many, truth, _ = draw(generator, 20000, 2000 * bool(groups), width)
    narrow, wide = [], []
    for _ in range(200):
        features, targets, group = draw(generator, count, groups, width)
        names = pd.Series(group).astype(str) if groups else pd.Series([""] * count)
        fold = make_folds(pd.DataFrame({"label": targets.astype(str), "group": names}), alone(count))
        correct = np.zeros(count, dtype=bool)
        for number in range(FOLDS):
            out = fold == number
            correct[out] = ridge(features[~out], targets[~out], features[out]) == targets[out]
        interval, _ = accuracy_interval(correct, names)
        assert interval
        whole = float((ridge(features, targets, many) == truth).mean())
        figures: Figures = {
            "accuracy": float(correct.mean()),
            "accuracy_low": interval.low,
            "accuracy_high": interval.high,
        }
        ends = widened(figures)
        narrow.append(interval.low <= whole <= interval.high)
        wide.append(ends["accuracy_low"] <= whole <= ends["accuracy_high"])  # type: ignore[operator]
    assert 0.9 <= np.mean(wide) <= 0.99
    assert np.mean(narrow) < np.mean(wide)
