"""What is told of two runs, from made-up answers."""

import json

import numpy as np
import pandas as pd
import pytest

from graft.apps.compare.changes import Changed
from graft.apps.compare.comparison import comparable, compare
from graft.apps.compare.run import Run
from graft.apps.compare.wording import evidence
from graft.core.errors import DataError
from tests.apps.compare.made import answers, labels, names, pair, run


def grouped(count: int, size: int) -> pd.DataFrame:
    """labels.csv with groups of a size."""
    groups = [f"g{place // size}" for place in range(count)]
    return pd.DataFrame({"label": labels(count), "group": groups, "kind": "m"}, index=pd.Index(names(count)))


def test_a_run_compared_with_itself() -> None:
    a, _ = pair(90, range(0, 90, 7), [])
    found = compare(a, a, grouped(90, 1))
    assert (found.verdict.word, found.overall.difference.value, found.p) == ("can't tell", 0.0, 1.0)
    assert found.overall.difference.low < 0 < found.overall.difference.high
    assert (found.now_right, found.now_wrong, found.otherwise, len(found.flips)) == (0, 0, 0, 0)
    assert found.loss is not None
    assert found.loss.difference is not None
    assert found.loss.difference.value == 0.0
    assert found.notes == ["A and B say the same of every picture, to the last digit"]


@pytest.mark.parametrize("size", [1, 5], ids=["single", "groups"])
def test_a_planted_improvement_is_found_and_so_is_its_loss(size: int) -> None:
    worse, better = pair(300, range(0, 300, 3), range(0, 300, 12))
    up, down = (compare(*two, grouped(300, size)) for two in ((worse, better), (better, worse)))
    assert (up.verdict.word, down.verdict.word) == ("better", "worse")
    assert up.overall.difference.value == pytest.approx(0.25)
    assert (up.now_right, up.now_wrong) == (75, 0)
    assert up.groups == (None if size == 1 else 60)
    assert up.p < 1e-6


def test_a_small_difference_stays_open() -> None:
    found = compare(*pair(60, [0, 1, 2, 3], [2, 3, 4]), grouped(60, 1))
    assert found.verdict.word == "can't tell"
    assert "holds 0" in found.verdict.reason
    assert (found.now_right, found.now_wrong, found.otherwise) == (2, 1, 0)


def test_equal_answers_under_other_parameters_look_stale() -> None:
    a, _ = pair(9, [1], [], params={"lr": 0.1})
    b, _ = pair(9, [1], [], params={"lr": 0.2})
    found = compare(a, b, grouped(9, 1))
    assert found.params == [Changed("lr", "0.1", "0.2")]
    assert "did `dvc repro` run since" in found.notes[0]


def test_unknown_groups_of_a_split_by_group_decide_nothing() -> None:
    a, b = pair(300, range(0, 300, 3), [], params={"split": {"by": "group"}})
    found = compare(a, b, None, why_not="labels.csv is not here")
    assert found.verdict.word == "can't tell"
    assert "which picture is of which group is not known" in found.verdict.reason
    assert found.notes == [
        "groups and slices are not known, so pictures are taken as independent: labels.csv is not here"
    ]
    free = pair(300, range(0, 300, 3), [], params={"split": {"by": "random"}})
    assert compare(*free, None).verdict.word == "better"


def test_one_group_alone_is_said() -> None:
    found = compare(*pair(300, range(0, 300, 3), []), grouped(300, 300))
    assert found.verdict.word == "can't tell"  # a hundred pictures more are right, and yet
    assert found.verdict.reason == "all pictures are of one group, which says nothing of others"
    assert found.loss is not None
    assert found.loss.difference is None
    assert evidence(found)[0].endswith("95 % interval not known: one group")
    assert "300 test pictures in 1 group;" in evidence(found)[1]


def test_other_images_are_refused_and_common_ones_compared() -> None:
    told = labels(30)
    a = run(told[:20], answers(told[:20], [1, 2]), "v1", paths=names(30)[:20])
    b = run(told[10:], told[10:], "v2", paths=names(30)[10:])
    with pytest.raises(DataError, match="10 pictures only in A"):
        compare(a, b, None)
    assert comparable(a, b) == names(30)[10:20]
    found = compare(a, b, grouped(30, 1).loc[names(30)[10:20]], common=True)
    assert found.overall.images == 10
    assert found.notes[0].startswith("only the 10 pictures that both have with the same label are compared")
    c = run(told[:5], told[:5], paths=[f"other/{place}" for place in range(5)])
    with pytest.raises(DataError, match="nothing to compare"):
        compare(a, c, None, common=True)


def test_losses_over_other_classes_are_not_compared() -> None:
    a, b = pair(12, [1], [2])
    b.predicted.chances["rat"] = np.float32(0)
    found = compare(a, b, grouped(12, 1), common=True)
    assert found.loss is None
    assert any("fewer classes are easier" in note for note in found.notes)


def several(title: str, said: list[str]) -> Run:
    """A run on pictures that have any number of labels."""
    from graft.apps.compare.run import parse

    truth = ["cat|dog", "", "dog", "cat"]
    rows = [
        f"{place},{wanted},{got},0.5,{0.9 if 'cat' in got else 0.2},{0.8 if 'dog' in got else 0.1}"
        for place, (wanted, got) in enumerate(zip(truth, said, strict=True))
    ]
    table = "\n".join(["path,label,predicted,loss,p_cat,p_dog", *rows, ""])
    return Run(title, parse(table.encode(), title), {}, {}, None, [])


def test_several_labels_are_judged_by_exact_match() -> None:
    found = compare(several("a", ["cat", "", "dog", "dog"]), several("b", ["cat|dog", "cat", "dog", "cat|dog"]), None)
    assert found.hits == "exact match"
    assert "difference in exact match" in found.rule
    assert (found.overall.a, found.overall.b) == (0.5, 0.5)
    assert (found.now_right, found.now_wrong, found.otherwise) == (1, 1, 1)
    assert found.slices == []


def test_all_facts_are_json() -> None:
    a, b = pair(9, [1, 4], [2], measured={"accuracy": 0.5, "f1": None}, gaps=["x is not there"])
    facts = json.loads(json.dumps(compare(a, b, grouped(9, 1)).facts(), allow_nan=False))
    assert facts["verdict"]["word"] == "can't tell"
    assert facts["overall"]["difference"]["value"] == pytest.approx(1 / 9)
    assert facts["measured"][1] == {"name": "f1", "a": None, "b": None, "better": 1, "difference": None}
    assert {flip["flip"] for flip in facts["flips"]} == {"now right", "now wrong"}
    assert facts["notes"][0] == "could not be read: x is not there"
    assert facts["notes"].count(facts["notes"][0]) == 1
