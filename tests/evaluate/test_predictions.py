"""The table of predictions says what the probabilities say."""

import math

import numpy as np

from graft.evaluate.predictions import table

CLASSES = ["cat", "dog", "owl"]


def test_predictions_by_hand() -> None:
    told = table(["a", "b"], ["cat", "owl"], np.array([[0.7, 0.2, 0.1], [0.5, 0.25, 0.25]]), CLASSES)
    assert told.columns.tolist() == ["path", "label", "predicted", "loss", "p_cat", "p_dog", "p_owl"]
    assert told["predicted"].tolist() == ["cat", "cat"]
    assert told["loss"].tolist() == [round(-math.log(0.7), 6), round(-math.log(0.25), 6)]
    assert told[["p_cat", "p_dog", "p_owl"]].to_numpy().tolist() == [[0.7, 0.2, 0.1], [0.5, 0.25, 0.25]]


def test_numbers_are_rounded_to_six_digits() -> None:
    told = table(["a"], ["dog"], np.array([[1 / 3, 2 / 3, 0.0]]), CLASSES)
    assert told[["p_cat", "p_dog"]].to_numpy().tolist() == [[0.333333, 0.666667]]
    assert told["loss"].tolist() == [0.405465]


def test_a_label_held_impossible_has_a_finite_loss() -> None:
    told = table(["a"], ["owl"], np.array([[1.0, 0.0, 0.0]]), CLASSES)
    assert told["loss"].tolist() == [round(12 * math.log(10), 6)]


def test_of_equal_chances_the_first_class_is_predicted() -> None:
    assert table(["a"], ["owl"], np.array([[0.2, 0.4, 0.4]]), CLASSES)["predicted"].tolist() == ["dog"]
