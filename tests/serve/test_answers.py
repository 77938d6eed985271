from types import SimpleNamespace
from typing import cast

import numpy as np
import pytest

from graft.predict.predictor import Predictor
from graft.serve.answers import answer


def says(chances: list[float], several: bool = False, abstain_below: float | None = None) -> tuple[object, ...]:
    """Label, certainty, probability and labels for some probabilities."""
    predictor = SimpleNamespace(classes=["a", "b", "c"], multi_label=several, threshold=0.5)
    if abstain_below is not None:
        predictor.abstain_below = abstain_below
    said = answer("x.png", np.asarray(chances, dtype=np.float32), cast(Predictor, predictor))
    assert said.file == "x.png"
    assert said.error is None
    shares = [share.probability for share in said.probabilities]
    assert shares == sorted(shares, reverse=True)
    assert {share.label for share in said.probabilities} == {"a", "b", "c"}
    assert said.probability == shares[0]
    return said.label, said.sure, round(said.probability, 4), said.labels


@pytest.mark.parametrize(
    ("chances", "least", "wanted"),
    [
        ([0.2, 0.7, 0.1], None, ("b", True, 0.7, ["b"])),
        ([0.125, 0.75, 0.125], 0.75, ("b", True, 0.75, ["b"])),
        ([0.2, 0.7, 0.1], 0.71, (None, False, 0.7, [])),
        ([0.4, 0.4, 0.2], None, ("a", True, 0.4, ["a"])),  # the first of equals, as argmax has it
    ],
)
def test_one_label(chances: list[float], least: float | None, wanted: tuple[object, ...]) -> None:
    assert says(chances, abstain_below=least) == wanted


@pytest.mark.parametrize(
    ("chances", "wanted"),
    [
        ([0.5, 0.49, 0.9], ("c", True, 0.9, ["c", "a"])),
        ([0.1, 0.2, 0.3], (None, True, 0.3, [])),
    ],
)
def test_several_labels(chances: list[float], wanted: tuple[object, ...]) -> None:
    assert says(chances, several=True) == wanted


def test_a_rounded_softmax_stays_a_probability() -> None:
    assert says([1.0000001, 0.0, -1e-9]) == ("a", True, 1.0, ["a"])
