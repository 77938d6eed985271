"""predictions.csv is read by name, and what is wrong with it is said."""

import numpy as np
import pandas as pd
import pytest

from graft.apps.compare.run import parse
from graft.core.errors import DataError
from graft.evaluate.predictions import table
from graft.tasks import MultiLabel
from tests.apps.compare.made import csv, labels

ONE = b"path,label,predicted,loss,p_cat,p_dog\nb.png,cat,dog,1.2,0.3,0.7\na.png,dog,dog,0.4,0.35,0.65\n"


def test_rows_are_in_order_of_path() -> None:
    found = parse(ONE, "it")
    assert found.rows.index.tolist() == ["a.png", "b.png"]
    assert found.classes == ["cat", "dog"]
    assert found.right.tolist() == [True, False]
    assert found.chance("b.png") == pytest.approx([0.7])
    assert not found.multi_label
    assert found.of(["b.png"]).rows["loss"].tolist() == [1.2]


def test_columns_are_found_by_name() -> None:
    text = "entropy,p_dog,predicted,path,p_cat,loss,label,note\n0.1,0.7,dog,b.png,0.3,1.2,cat,x\n"
    found = parse(text.encode(), "it")
    assert list(found.chances.loc["b.png"]) == pytest.approx([0.7, 0.3])
    assert list(found.rows.loc["b.png"]) == ["cat", "dog", 1.2]


def test_what_evaluate_writes_of_several_labels() -> None:
    targets = np.array([[1, 0, 1], [0, 0, 0], [0, 1, 0]], dtype=np.float32)
    chances = np.array([[0.9, 0.1, 0.8], [0.1, 0.6, 0.1], [0.2, 0.9, 0.1]])
    text = table(["a", "b", "c"], targets, chances, np.ones(3), MultiLabel(["cat", "dog", "owl"])).to_csv(index=False)
    found = parse(text.encode(), "it")
    assert found.multi_label
    assert found.rows["label"].tolist() == ["cat|owl", "", "dog"]
    assert found.right.tolist() == [True, False, True]
    assert found.chance("a") == pytest.approx([0.9, 0.8])
    assert (found.names(""), found.names("cat|owl")) == ([], ["cat", "owl"])


def test_a_class_may_have_the_sign_that_joins_in_its_name() -> None:
    found = parse(b"path,label,predicted,loss,p_a|b,p_c\nx,a|b,a|b,0.1,0.9,0.1\n", "it")
    assert not found.multi_label
    assert found.names("a|b") == ["a|b"]


def test_thousand_rounded_probabilities_still_sum_to_one() -> None:
    generator = np.random.default_rng(0)
    chances = generator.dirichlet(np.ones(1000), 20).round(6)
    head = "path,label,predicted,loss," + ",".join(f"p_c{place}" for place in range(1000))
    rows = [f"{row},c0,c0,1.0," + ",".join(map(str, values)) for row, values in enumerate(chances)]
    assert not parse("\n".join([head, *rows, ""]).encode(), "it").multi_label


def test_names_are_text() -> None:
    found = parse(b"path,label,predicted,loss,p_NA,p_01\n007,NA,01,0.5,0.4,0.6\n", "it")
    assert list(found.rows.loc["007"]) == ["NA", "01", 0.5]


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (b"", "is not a table of predictions"),
        (b"path,label\na,b\n", "lacks predicted, loss, p_<class>; it has path, label"),
        (b"path,label,predicted,loss,p_a\n", "has no row"),
        (ONE.replace(b"1.2", b"much"), "is not a table of predictions"),
        (ONE.replace(b"0.7", b""), "is not a table of predictions"),
        (ONE.replace(b"0.7", b"inf"), "has a number that is not finite"),
        (ONE.replace(b"a.png", b"b.png"), "has 'b.png' twice"),
        (ONE.replace(b"a.png", b"\xff.png"), "is not a table of predictions"),
    ],
    ids=["empty", "columns", "rows", "text", "blank", "infinite", "twice", "bytes"],
)
def test_what_cannot_be_used_is_said(content: bytes, told: str) -> None:
    with pytest.raises(DataError, match=r"^predictions of v1 ") as refused:
        parse(content, "predictions of v1")
    assert told in str(refused.value)


def test_made_runs_are_what_evaluate_writes() -> None:
    found = parse(csv(labels(6), labels(6)), "made")
    assert found.right.all()
    pd.testing.assert_series_equal(
        found.rows["loss"], pd.Series(-np.log(0.8), found.rows.index, name="loss"), atol=1e-6
    )
