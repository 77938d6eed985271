"""An answer says over HTTP what a prediction says in Python."""

import pytest

from graft.apps.serve.schemas import Answer
from graft.predict.prediction import Prediction

CHANCES = {"a": 0.5, "b": 0.25, "c": 0.75}


@pytest.mark.parametrize(
    "found",
    [
        Prediction("c", ("c",), 0.75, CHANCES),
        Prediction(None, (), 0.75, CHANCES, sure=False),
        Prediction("c", ("a", "c"), 0.75, CHANCES),
        Prediction(None, (), 0.75, CHANCES),
    ],
    ids=["sure", "not sure", "several", "none of several"],
)
def test_an_answer_is_the_prediction(found: Prediction) -> None:
    said = Answer.of("x.png", found)
    assert (said.file, said.error) == ("x.png", None)
    assert (said.label, tuple(said.labels), said.probability, said.sure) == (
        found.label,
        found.labels,
        found.probability,
        found.sure,
    )
    assert [(share.label, share.probability) for share in said.probabilities] == [("c", 0.75), ("a", 0.5), ("b", 0.25)]
