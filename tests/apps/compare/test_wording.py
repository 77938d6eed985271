"""Figures are said alike everywhere."""

import pandas as pd
import pytest

from graft.apps.compare import wording
from graft.apps.compare.changes import Figure
from graft.apps.compare.comparison import compare
from graft.apps.compare.paired import ONE_GROUP, Difference
from tests.apps.compare.made import labels, names, pair


@pytest.mark.parametrize(
    ("value", "said"), [(0.0244, "+2.4"), (-0.0244, "\u22122.4"), (0.0, "0.0"), (-0.0002, "0.0"), (1.0, "+100.0")]
)
def test_points(value: float, said: str) -> None:
    assert wording.points(value) == said


@pytest.mark.parametrize(
    ("value", "said"), [(None, "none"), (666.0, "666"), (0.5, "0.500"), (1.0, "1.000"), (0.0, "0.000"), (2.05, "2.050")]
)
def test_figures(value: float | None, said: str) -> None:
    assert wording.figure(value) == said


@pytest.mark.parametrize(
    ("a", "b", "said"),
    [(None, 1.0, ""), (679.0, 666.0, "\u221213"), (666.0, 666.0, "0"), (0.5, 0.5101, "+0.010"), (1.0, 1.0, "0.000")],
)
def test_changes(a: float | None, b: float | None, said: str) -> None:
    assert wording.change(Figure("any", a, b, 0)) == said


def test_answers() -> None:
    assert wording.answer("cat", "0.876543") == "cat 88%"
    assert wording.answer("cat|dog", "0.900000|0.500000") == "cat 90%, dog 50%"
    assert wording.answer("a|b", "0.900000") == "a|b 90%"
    assert wording.answer("", "") == "no class"
    assert (wording.label("cat|dog"), wording.label("")) == ("cat, dog", "no class")


def test_intervals() -> None:
    assert wording.interval(Difference(0, -0.021, 0.034, "any")) == "\u22122.1 to +3.4"
    assert wording.interval(Difference(0, -0.021, 0.034, "any"), wording.signed) == "\u22120.021 to +0.034"
    assert wording.interval(Difference(0, -1, 1, ONE_GROUP)) == "not known: one group"
    assert (wording.p_value(0.0004), wording.p_value(0.0171)) == ("p < 0.001", "p = 0.017")


def test_the_evidence_is_whole() -> None:
    groups = pd.DataFrame({"group": [f"g{place // 4}" for place in range(60)]}, index=names(60))
    a, b = pair(60, range(0, 60, 3), range(0, 60, 6))
    lines = wording.evidence(compare(a, b, groups.assign(label=labels(60))))
    assert lines[0].startswith("accuracy 66.7 % in A, 83.3 % in B: +16.7 points, 95 % interval +")
    assert lines[1].startswith("60 test pictures in 15 groups; groups are drawn whole")
    assert lines[2] == "answers that changed: 10 now right, 0 now wrong, 0 wrong otherwise"
    assert lines[3].startswith("McNemar's exact test: p = 0.002, but it takes pictures as independent")
    assert lines[4].startswith("log loss ")
    assert "\u22120.347, 95 % interval \u2212" in lines[4]
    alone = wording.evidence(compare(a, b, None))
    assert alone[1] == "60 test pictures, each taken as independent of the others"
    assert alone[3] == "McNemar's exact test: p = 0.002"
