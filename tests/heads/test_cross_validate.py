"""Folds keep together what belongs together; the penalty, and what is known of an image, come from other folds."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import LogisticRegression

from graft.core.params import check
from graft.data.dataset import Dataset
from graft.heads.config import TrainHead
from graft.heads.cross_validate import (
    FOLDS,
    SEEN,
    CrossValidated,
    choose_penalty,
    cross_validate,
    divides_groups,
    linear,
    log_loss,
    make_folds,
    out_of_fold,
)
from graft.heads.examples import Examples
from graft.tasks import MultiLabel, SingleLabel
from tests.report.stored_features import alone, dataset, paths, stored, two_clouds

COUNT = 300
AB = SingleLabel(["a", "b"])


def test_folds_share_the_mixture() -> None:
    made = dataset(np.resize(["a", "a", "b"], COUNT).tolist())
    fold = make_folds(made.rows, alone(COUNT))
    counts = pd.crosstab(fold, made.rows["label"])
    assert counts["a"].tolist() == [40] * FOLDS
    assert counts["b"].tolist() == [20] * FOLDS


def test_copies_and_groups_lie_in_one_fold() -> None:
    group = [f"g{number // 10}" if number < 200 else "" for number in range(COUNT)]
    copies = alone(COUNT)
    copies[[250, 251]] = "x"
    copies[[5, 100]] = "y"  # ties two groups
    fold = make_folds(dataset(np.resize(["a", "b"], COUNT).tolist(), group=group).rows, copies)
    together = pd.Series(fold[:200]).groupby(group[:200]).nunique()
    assert (together == 1).all()
    assert fold[250] == fold[251]
    assert fold[5] == fold[100]
    assert set(fold) == set(range(FOLDS))
    assert np.bincount(fold).max() < COUNT / 2


@pytest.mark.parametrize(
    ("split", "group", "divided"),
    [
        (["train", "test", "train", "valid"], ["a", "a", "b", "b"], True),
        (["train", "train", "test", "valid"], ["a", "a", "b", "c"], False),
        (["train", "test", "test", "test"], ["a", "a", "b", "c"], False),  # one of three by mistake
        (["train", "excluded", "train", "test"], ["a", "a", "", ""], False),
        (["train", "train", "train", "train"], ["a", "a", "b", "b"], False),
    ],
)
def test_groups_are_divided_where_most_held_out_images_have_others_in_train(
    split: list[str], group: list[str], divided: bool
) -> None:
    assert divides_groups(pd.DataFrame({"split": split, "group": group})) is divided


def test_folds_divide_groups_only_where_the_split_does(tmp_path: Path) -> None:
    features, labels = two_clouds(COUNT)
    group = [f"g{number // 10}" for number in range(COUNT)]
    by_group = [["train", "train", "valid", "test"][number // 10 % 4] for number in range(COUNT)]
    at_random = np.resize(["train", "train", "valid", "test"], COUNT).tolist()
    found = {}
    for kind, split in (("whole", by_group), ("divided", at_random)):
        for name, named in (("groups", group), ("none", [""] * COUNT)):
            (folder := tmp_path / kind / name).mkdir(parents=True)
            crossing = crossed(folder, dataset(labels.tolist(), split=split, group=named), features)
            assert crossing is not None
            found[kind, name] = crossing.logits
    assert (found["divided", "groups"] == found["divided", "none"]).all()
    assert (found["whole", "groups"] != found["whole", "none"]).any()


def crossed(folder: Path, made: Dataset, features: np.ndarray, **config: Any) -> CrossValidated | None:
    given = check("train_head", TrainHead, {"solver": "lbfgs", "epochs": 5, "hidden": 8} | config)
    return cross_validate(stored(folder, features), made, alone(len(features)), given, 0.01, 0)


def test_answers_are_those_of_scikit_learn_on_the_other_folds(tmp_path: Path) -> None:
    features, labels = two_clouds(COUNT, width=5)
    made = dataset(labels.tolist())
    examples, fold = Examples.train(stored(tmp_path, features), made), make_folds(made.rows, alone(COUNT))
    logits = out_of_fold(examples, fold, AB, linear([0.1], examples.moments()))[0.1]
    scaled = (features - features.mean(0)) / features.std(0)
    for number in range(FOLDS):
        part = fold != number
        peer = LogisticRegression(C=2 / (0.1 * part.sum()), tol=1e-10, max_iter=1000).fit(scaled[part], labels[part])
        apart = logits[~part, 1] - logits[~part, 0]
        assert apart == pytest.approx(peer.decision_function(scaled[~part]), abs=5e-3)


def test_test_is_never_looked_at(tmp_path: Path) -> None:
    features, labels = two_clouds(COUNT)
    split = np.resize(["train", "valid", "test"], COUNT)
    other, noise = labels.copy(), features.copy()
    other[split == "test"] = "a"
    noise[split == "test"] = 7
    for name in "xy":
        (tmp_path / name).mkdir()
    one = crossed(tmp_path / "x", dataset(labels.tolist(), split.tolist()), features)
    two = crossed(tmp_path / "y", dataset(other.tolist(), split.tolist()), noise)
    assert one
    assert two
    assert one.losses == two.losses
    assert len(one.logits) == 200
    assert np.array_equal(one.logits, two.logits)


def test_the_penalty_is_looked_for_beyond_both_ends(tmp_path: Path) -> None:
    features, labels = two_clouds(COUNT, width=60)
    made = dataset(labels.tolist(), np.resize([*SEEN], COUNT).tolist())
    wide = crossed(tmp_path, made, features, l2=[0.001, 0.01, 0.1, 1.0, 10.0, 100.0])
    assert wide
    for narrow in ([1e-3], [50.0]):
        found = crossed(tmp_path, made, features, l2=narrow)
        assert found
        assert found.losses[found.l2] <= wide.losses[wide.l2] + 0.01
        assert min(found.losses) < found.l2 < max(found.losses)


def test_what_the_chosen_one_says_is_what_is_reported(tmp_path: Path) -> None:
    features, labels = two_clouds(COUNT)
    made = dataset(labels.tolist())
    found = crossed(tmp_path, made, features, l2=[0.03, 0.3])
    assert found
    targets = made.targets("train")
    assert found.losses[found.l2] == min(found.losses.values()) == log_loss(found.logits, targets, AB)
    right = (found.logits.argmax(1) == targets).mean()
    assert found.metrics() == {
        "cross_validated": {"l2": found.l2, "log_loss": found.losses[found.l2], "accuracy": pytest.approx(right)}
    }
    assert str(found).endswith(f"l2 {found.l2:g} of {', '.join(f'{l2:g}' for l2 in found.losses)}")


@pytest.mark.parametrize("head", ["mlp", "fastai"])
def test_hidden_heads_answer_out_of_fold_the_same_twice(tmp_path: Path, head: str) -> None:
    features, labels = two_clouds(100)
    made = dataset(labels.tolist())
    one, two = (
        crossed(tmp_path, made, features, head=head, solver="onecycle", batch_size=16, epochs=40) for _ in range(2)
    )
    assert one
    assert two
    assert np.array_equal(one.logits, two.logits)
    assert one.l2 == 0
    assert (one.logits.argmax(1) == made.targets("train")).mean() > 0.7


def test_one_group_cannot_be_cross_validated(tmp_path: Path) -> None:
    features, labels = two_clouds(30)
    assert crossed(tmp_path, dataset(labels.tolist(), group=["g"] * 30), features) is None


def test_a_class_of_one_group_is_left_out_of_the_loss(tmp_path: Path) -> None:
    features, labels = two_clouds(100)
    labels[7] = "c"
    made = dataset(labels.tolist())
    found = crossed(tmp_path, made, features)
    assert found
    assert np.isfinite(found.losses[found.l2])
    assert np.isnan(found.logits[7, 2])


def test_several_labels(tmp_path: Path) -> None:
    features, labels = two_clouds(COUNT)
    rows = pd.DataFrame({"path": paths(COUNT), "labels": np.where(labels == "a", "a|c", "b"), "group": ""})
    made = Dataset(rows.assign(split="train"), ["a", "b", "c"])
    task = MultiLabel(["a", "b", "c"])
    examples = Examples.train(stored(tmp_path, features), made)
    found = choose_penalty(examples, make_folds(made.rows, alone(COUNT)), task, [0.1])
    assert found
    assert found.metrics()["cross_validated"]["exact_match"] > 0.85


@pytest.mark.parametrize(
    ("given", "crosses"),
    [
        ({}, True),
        ({"refit": False}, False),
        ({"head": "mlp"}, True),
        ({"head": "mlp", "epoch": "best"}, False),
        ({"epoch": "best"}, True),
    ],
)
def test_valid_must_choose_the_best_epoch_of_a_hidden_head(given: dict[str, Any], crosses: bool) -> None:
    assert check("train_head", TrainHead, given).cross_validates is crosses
