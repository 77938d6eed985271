"""From probabilities to a prediction."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from graft.images.decode import Square
from graft.predict.bundle import Metadata
from graft.predict.prediction import Prediction, decide

METADATA = Metadata(Path(), ["a", "b", "c"], False, 0.5, None, Square(8), "pixels", "probabilities", {}, {})


def row(*probabilities: float) -> np.ndarray:
    return np.asarray(probabilities, dtype=np.float32)


def test_one_label() -> None:
    found = decide(row(0.25, 0.5, 0.25), METADATA, "x.jpg")
    assert found == Prediction("b", ("b",), 0.5, {"a": 0.25, "b": 0.5, "c": 0.25}, True, "x.jpg")


@pytest.mark.parametrize(("lowest", "label", "sure"), [(0.5, "b", True), (0.500001, None, False), (0.0, "b", True)])
def test_below_its_limit_it_is_not_sure(lowest: float, label: str | None, sure: bool) -> None:
    found = decide(row(0.25, 0.5, 0.25), replace(METADATA, abstain_below=lowest))
    assert (found.label, found.sure) == (label, sure)
    assert found.labels == ((label,) if label else ())
    assert (found.probability, found.top(1)) == (0.5, [("b", 0.5)])


@pytest.mark.parametrize(
    ("probabilities", "label", "labels"),
    [((0.5, 0.49, 0.9), "c", ("a", "c")), ((0.1, 0.2, 0.3), None, ()), ((0.5, 0.6, 0.5), "b", ("a", "b", "c"))],
)
def test_several_labels(probabilities: tuple[float, ...], label: str | None, labels: tuple[str, ...]) -> None:
    found = decide(row(*probabilities), replace(METADATA, multi_label=True))
    assert (found.label, found.labels, found.sure) == (label, labels, True)


def test_a_rounded_softmax_stays_a_probability() -> None:
    found = decide(row(1.0000001, 0.0, -1e-9), METADATA)
    assert (found.probability, found.probabilities) == (1.0, {"a": 1.0, "b": 0.0, "c": 0.0})


def test_the_most_probable_first_and_of_equals_the_first_class() -> None:
    found = decide(row(0.25, 0.5, 0.25), METADATA)
    assert found.top(0) == []
    assert found.top(9) == [("b", 0.5), ("a", 0.25), ("c", 0.25)]
    assert decide(row(0.4, 0.4, 0.2), METADATA).label == "a"
