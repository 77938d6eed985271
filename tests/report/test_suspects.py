"""Planted label errors come first; what could not be judged is not doubted."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from graft.data.dataset import Dataset
from graft.report.label_errors import out_of_fold, suspects
from graft.tasks import MultiLabel, SingleLabel
from tests.evaluate.stored import alone, dataset, flip, paths, stored, two_clouds

COUNT = 2000
AB = SingleLabel(["a", "b"])


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_planted_errors_come_first(tmp_path: Path, seed: int) -> None:
    features, labels = two_clouds(COUNT, seed=seed)
    wrong, chosen = flip(labels, 0.05, seed)
    made = dataset(wrong.tolist())
    probabilities = out_of_fold(made, alone(COUNT), stored(tmp_path, features), AB, 0.1)
    found = suspects(paths(COUNT), made.targets("train"), probabilities, AB)
    planted = {f"{number:04}.png" for number in chosen}
    assert len(planted & set(found["path"][: len(planted)])) / len(planted) >= 0.7
    assert found["score"].is_monotonic_decreasing
    assert found["score"].between(0.5, 1).all()
    assert (found["label"] != found["suggested"]).all()
    given = dict(zip(paths(COUNT), wrong, strict=True))
    assert [given[path] for path in found["path"]] == found["label"].tolist()


def certain(answers: list[int], classes: int, least: float = 0.02) -> np.ndarray:
    """Probabilities of a head that is nearly sure of an answer for each picture."""
    chances = np.full((len(answers), classes), least)
    chances[np.arange(len(answers)), answers] = 1 - least * (classes - 1)
    return chances


def test_what_was_not_learnt_is_not_doubted() -> None:
    targets = np.asarray([0, 0, 0, 1, 1, 1, 2, 0])
    chances = certain([0, 0, 0, 1, 1, 1, 0, 1], 3)
    chances[6, 2] = np.nan  # the only picture of its class
    found = suspects(paths(8), targets, chances, SingleLabel(["a", "b", "c"]))
    assert found.to_dict("records") == [{"path": "0007.png", "label": "a", "suggested": "b", "score": 0.97}]


def test_nothing_judged_is_nothing_found() -> None:
    nothing = suspects(paths(4), np.asarray([0, 0, 1, 1]), np.full((4, 2), np.nan), AB)
    assert list(nothing.columns) == ["path", "label", "suggested", "score"]
    assert nothing.empty
    one_class = suspects(paths(2), np.asarray([0, 0]), np.asarray([[0.5, 0.5], [0.1, 0.9]]), AB)
    assert one_class.empty


def test_equals_stand_in_the_order_of_their_paths() -> None:
    targets = np.asarray([0, 0, 0, 1, 1, 1, 1, 0])
    chances = certain([0, 0, 0, 1, 1, 1, 0, 1], 2)
    assert suspects(paths(8), targets, chances, AB)["path"].tolist() == ["0006.png", "0007.png"]


def test_of_several_labels_the_wrong_answers_are_turned(tmp_path: Path) -> None:
    features, labels = two_clouds(400)
    features[:, 1] *= 3  # a second question, independent of the first
    second = features[:, 1] > 0
    text = np.where(labels == "a", "a", "") + np.where(labels == "b", "b", "")
    text = np.where(second, np.char.add(text, "|c"), text).astype(object)
    clear = np.flatnonzero((np.abs(features[:, 0]) > 2) & (np.abs(features[:, 1]) > 2))[:6]
    right = text[clear].copy()
    for number in clear:  # forgotten, or one too many
        text[number] = text[number].removesuffix("|c") if "|c" in text[number] else text[number] + "|c"
    rows = pd.DataFrame({"path": paths(400), "labels": text, "group": "", "split": "train"})
    made, task = Dataset(rows, ["a", "b", "c"]), MultiLabel(["a", "b", "c"])
    probabilities = out_of_fold(made, alone(400), stored(tmp_path, features), task, 0.01)
    found = suspects(paths(400), made.targets("train"), probabilities, task)
    first = found.head(10).set_index("path")
    planted = [paths(400)[number] for number in clear]
    assert set(planted) <= set(first.index)
    assert first.loc[planted, "suggested"].tolist() == right.tolist()
    assert found["score"].between(0, 1).all()


def test_several_labels_that_say_nothing_are_not_doubted() -> None:
    task = MultiLabel(["a", "b"])
    for held in (0, 1):  # nobody has any, or everybody all
        targets = np.full((5, 2), held, dtype=np.float32)
        assert suspects(paths(5), targets, np.full((5, 2), 0.5), task).empty
    targets = np.asarray([[1, 0], [0, 1], [1, 0], [0, 1]], dtype=np.float32)
    assert suspects(paths(4), targets, np.full((4, 2), np.nan), task).empty
