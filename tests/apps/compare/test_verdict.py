"""One rule decides, and it says so."""

import pytest

from graft.apps.compare.comparison import judge, rule
from graft.apps.compare.paired import Difference


@pytest.mark.parametrize(
    ("low", "high", "word"),
    [(0.001, 0.05, "better"), (-0.05, -0.001, "worse"), (-0.01, 0.03, "can't tell"), (0.0, 0.03, "can't tell")],
)
def test_the_whole_interval_decides(low: float, high: float, word: str) -> None:
    assert judge(Difference((low + high) / 2, low, high, "any")).word == word


def test_in_doubt_nothing_is_decided() -> None:
    found = judge(Difference(0.03, 0.02, 0.04, "any"), "groups are not known")
    assert (found.word, found.reason) == ("can't tell", "groups are not known")


def test_the_rule_names_what_decides() -> None:
    assert "difference in exact match lies above 0" in rule("exact match")
    assert "No other figure decides" in rule("accuracy")
