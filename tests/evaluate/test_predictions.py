"""The table of predictions says what the probabilities say."""

import numpy as np

from graft.evaluate.predictions import table
from graft.tasks import MultiLabel, SingleLabel

TASK = SingleLabel(["cat", "dog", "owl"])


def test_predictions_by_hand() -> None:
    said = np.array([[0.7, 0.2, 0.1], [0.5, 0.25, 0.25]])
    told = table(["a", "b"], np.array([0, 2]), said, np.array([0.356674944, 1.386294361]), TASK)
    assert told.columns.tolist() == ["path", "label", "predicted", "loss", "p_cat", "p_dog", "p_owl"]
    assert told["label"].tolist() == ["cat", "owl"]
    assert told["predicted"].tolist() == ["cat", "cat"]
    assert told["loss"].tolist() == [0.356675, 1.386294]
    assert told[["p_cat", "p_dog", "p_owl"]].to_numpy().tolist() == [[0.7, 0.2, 0.1], [0.5, 0.25, 0.25]]


def test_numbers_are_rounded_to_six_digits() -> None:
    told = table(["a"], np.array([1]), np.array([[1 / 3, 2 / 3, 0.0]]), np.array([2 / 3]), TASK)
    assert told[["p_cat", "p_dog"]].to_numpy().tolist() == [[0.333333, 0.666667]]
    assert told["loss"].tolist() == [0.666667]


def test_of_equal_chances_the_first_class_is_predicted() -> None:
    assert table(["a"], np.array([2]), np.array([[0.2, 0.4, 0.4]]), np.ones(1), TASK)["predicted"].tolist() == ["dog"]


def test_several_labels_stand_joined() -> None:
    targets = np.array([[1, 0, 1], [0, 0, 0]], dtype=np.float32)
    said = np.array([[0.9, 0.5, 0.2], [0.1, 0.2, 0.4]])
    told = table(["a", "b"], targets, said, np.ones(2), MultiLabel(TASK.classes))
    assert told.columns.tolist() == ["path", "label", "predicted", "loss", "p_cat", "p_dog", "p_owl"]
    assert told[["label", "predicted"]].to_numpy().tolist() == [["cat|owl", "cat|dog"], ["", ""]]
