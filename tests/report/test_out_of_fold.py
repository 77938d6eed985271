"""No picture is judged by a head that saw it, its copy or its group."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from graft.data.dataset import Dataset
from graft.heads.examples import Examples
from graft.heads.lbfgs import Moments, Optimum, solve
from graft.report import label_errors as module
from graft.report.label_errors import FOLDS, make_folds, out_of_fold
from graft.tasks import MultiLabel, SingleLabel, Task
from tests.evaluate.stored import alone, dataset, flip, paths, stored, two_clouds

COUNT = 300
AB = SingleLabel(["a", "b"])


def test_folds_share_the_mixture() -> None:
    made = dataset(np.resize(["a", "a", "b"], COUNT).tolist())
    fold = make_folds(made, alone(COUNT))
    counts = pd.crosstab(fold, made.rows["label"])
    assert counts["a"].tolist() == [40] * FOLDS
    assert counts["b"].tolist() == [20] * FOLDS


def test_copies_and_groups_lie_in_one_fold() -> None:
    group = [f"g{number // 10}" if number < 200 else "" for number in range(COUNT)]
    copies = alone(COUNT)
    copies[[250, 251]] = "x"
    copies[[5, 100]] = "y"  # ties two groups
    fold = make_folds(dataset(np.resize(["a", "b"], COUNT).tolist(), group=group), copies)
    together = pd.Series(fold[:200]).groupby(group[:200]).nunique()
    assert (together == 1).all()
    assert fold[250] == fold[251]
    assert fold[5] == fold[100]
    assert set(fold) == set(range(FOLDS))
    assert np.bincount(fold).max() < COUNT / 2


def test_a_wrong_label_is_seen_through(tmp_path: Path) -> None:
    features, labels = two_clouds(COUNT)
    wrong, chosen = flip(labels, 0.05)
    embeddings = stored(tmp_path, features)
    found = out_of_fold(dataset(wrong.tolist(), ["train", "valid", "test"] * 100), alone(COUNT), embeddings, AB, 0.1)
    assert found.shape == (COUNT, 2)
    assert found.sum(1) == pytest.approx(1)
    right = np.asarray(["a", "b"])[found.argmax(1)] == labels
    assert right.mean() > 0.9
    assert right[chosen].mean() > 0.7


def test_a_copy_with_another_label_teaches_nothing_about_its_twin(tmp_path: Path) -> None:
    features, labels = two_clouds(COUNT, width=400)  # wide enough that a head knows each picture by heart
    features[1], labels[1] = features[0], "b"
    embeddings, made, copies = stored(tmp_path, features), dataset(labels.tolist()), alone(COUNT)
    apart = out_of_fold(made, copies, embeddings, AB, 0.01)
    copies[1] = copies[0]
    tied = out_of_fold(made, copies, embeddings, AB, 0.01)
    assert make_folds(made, copies)[0] == make_folds(made, copies)[1]
    assert tied[0] == pytest.approx(tied[1])
    assert abs(apart[0, 0] - apart[1, 0]) > 0.2  # each of them had learnt the other's label


def test_what_lies_aside_is_left_out(tmp_path: Path) -> None:
    features, labels = two_clouds(60)
    made = dataset(labels.tolist(), ["excluded"] * 10 + ["train"] * 50)
    made.rows.loc[0, "label"] = "never learnt"
    assert len(out_of_fold(made, alone(60), stored(tmp_path, features), AB, 0.1)) == 50


def test_a_class_that_the_other_folds_do_not_have_is_nan(tmp_path: Path) -> None:
    features, labels = two_clouds(100)
    labels[7] = "c"
    made, copies = dataset(labels.tolist()), alone(100)
    found = out_of_fold(made, copies, stored(tmp_path, features), SingleLabel(["a", "b", "c"]), 0.1)
    fold = make_folds(made, copies)
    assert np.isnan(found[:, 2]).tolist() == (fold == fold[7]).tolist()
    assert not np.isnan(found[:, :2]).any()
    assert np.nansum(found, axis=1) == pytest.approx(1)


def test_one_group_leaves_nothing_to_learn_from(tmp_path: Path) -> None:
    features, labels = two_clouds(20)
    made = dataset(labels.tolist(), group=["g"] * 20)
    assert np.isnan(out_of_fold(made, alone(20), stored(tmp_path, features), AB, 0.1)).all()


def test_several_labels_are_judged_each_for_itself(tmp_path: Path) -> None:
    features, labels = two_clouds(COUNT)
    text = np.where(labels == "a", "a|c", "b|c").astype(object)
    text[3] = "a|c|d"
    rows = pd.DataFrame({"path": paths(COUNT), "labels": text, "group": "", "split": "train"})
    made, task = Dataset(rows, list("abcd")), MultiLabel(list("abcd"))
    found = out_of_fold(made, alone(COUNT), stored(tmp_path, features), task, 0.1)
    assert ((found[:, 0] > 0.5) == (labels == "a")).mean() > 0.9
    assert ((found[:, 1] > 0.5) == (labels == "b")).mean() > 0.9
    assert np.isnan(found[:, 2]).all()  # all have it
    assert np.isnan(found[3, 3])


def test_all_views_are_learnt_and_the_plain_one_is_judged(tmp_path: Path) -> None:
    features, labels = two_clouds(100)
    made = dataset(labels.tolist())
    views = np.stack([features, -features], axis=1)  # the second view says the contrary: the head learns nothing
    found = out_of_fold(made, alone(100), stored(tmp_path, views), AB, 0.1)
    assert found == pytest.approx(0.5, abs=0.1)


def test_the_same_comes_out_twice_and_without_a_penalty_one_is_chosen(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    features, labels = two_clouds(COUNT)
    made = dataset(labels.tolist(), ["train", "train", "valid", "valid", "train", "test"] * 50)
    embeddings, copies = stored(tmp_path, features), alone(COUNT)
    used: list[list[float]] = []

    def watched(train: Examples, task: Task, penalties: list[float], moments: Moments) -> Iterator[Optimum]:
        used.append(penalties)
        return solve(train, task, penalties, moments)

    monkeypatch.setattr(module, "solve", watched)
    first = out_of_fold(made, copies, embeddings, AB, None)
    assert np.array_equal(first, out_of_fold(made, copies, embeddings, AB, None))
    assert used[0][0] in (0.03, 0.1, 0.3, 1.0, 3.0)
    out_of_fold(made, copies, embeddings, AB, 0.0)
    assert used[-1] == [module.LEAST]
