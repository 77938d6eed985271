"""Every picture with another answer, what became of it, and how sure either was."""

import pytest

from graft.apps.compare.comparison import COLUMNS, flips
from graft.apps.compare.run import parse
from tests.apps.compare.made import names, pair

HEAD = "path,label,predicted,loss,p_cat,p_dog,p_owl\n"


def test_what_became_of_each() -> None:
    a, b = pair(9, [0, 1, 2], [1, 5])
    found = flips(a.predicted, b.predicted)
    assert dict(zip(found["path"], found["flip"], strict=True)) == {
        names(9)[0]: "now right",
        names(9)[2]: "now right",
        names(9)[5]: "now wrong",
    }
    assert found.columns.tolist() == COLUMNS


def test_the_largest_change_of_loss_comes_first() -> None:
    a = parse(f"{HEAD}a,cat,dog,1.0,.3,.7,0\nb,cat,dog,3.0,.05,.95,0\nc,cat,dog,1,.4,.6,0\n".encode(), "a")
    b = parse(f"{HEAD}a,cat,cat,0.5,.6,.4,0\nb,cat,owl,3.5,.03,0,.97\nc,cat,cat,.1,.9,.1,0\n".encode(), "b")
    found = flips(a, b)
    assert found["path"].tolist() == ["c", "a", "b"]
    assert found["flip"].tolist() == ["now right", "now right", "wrong otherwise"]
    last = found.iloc[-1]
    assert (last["answer_a"], last["chance_a"], last["answer_b"], last["chance_b"]) == (
        "dog",
        "0.950000",
        "owl",
        "0.970000",
    )
    assert (last["loss_a"], last["loss_b"]) == (3.0, 3.5)


def test_several_labels_have_a_probability_each() -> None:
    a = parse(f"{HEAD}a,cat|dog,cat,0.5,.9,.2,.1\nb,,,0.1,.1,.1,.1\n".encode(), "a")
    b = parse(f"{HEAD}a,cat|dog,cat|dog,0.2,.9,.8,.1\nb,,owl,0.4,.1,.1,.7\n".encode(), "b")
    found = flips(a, b).set_index("path")
    assert list(found.loc["a", ["flip", "answer_b", "chance_b"]]) == ["now right", "cat|dog", "0.900000|0.800000"]
    assert list(found.loc["b", ["flip", "answer_a", "chance_a"]]) == ["now wrong", "", ""]


@pytest.mark.parametrize("wrong", [[], [0, 4]])
def test_equal_answers_are_no_flips(wrong: list[int]) -> None:
    a, b = pair(9, wrong, wrong)
    found = flips(a.predicted, b.predicted)
    assert found.empty
    assert found.columns.tolist() == COLUMNS
