"""Corrections are applied on top of the rule, each of them or none."""

from pathlib import Path

import pytest

from graft.core.errors import DataError
from graft.labels.corrections import Corrections
from graft.labels.rules import Labelled, Labels, apply_rule

PATHS = ["cat/1.jpg", "cat/2.jpg", "dog/1.jpg", "top.jpg"]


def corrected(folder: Path, text: str, label_separator: str | None = None) -> Labelled:
    """Label by folder, with corrections on top."""
    file = folder / "corrections.csv"
    file.write_text(text)
    return apply_rule(Labels(rule="folder", label_separator=label_separator), folder, PATHS, Corrections.read(file))


def test_a_header_alone_corrects_nothing(tmp_path: Path) -> None:
    labelled = corrected(tmp_path, "path,label,note\n")
    assert labelled.rows["label"].tolist() == ["cat", "cat", "dog"]


def test_labels_are_set_right_given_and_taken_away(tmp_path: Path) -> None:
    text = "path,label,note\ncat/2.jpg,dog,a puppy\ntop.jpg,bird,\ncat/1.jpg,drop,blurred\n"
    labelled = corrected(tmp_path, text)
    assert dict(zip(labelled.rows["path"], labelled.rows["label"], strict=True)) == {
        "cat/2.jpg": "dog",
        "dog/1.jpg": "dog",
        "top.jpg": "bird",
    }
    assert labelled.unlabelled.to_dict("list") == {
        "path": ["cat/1.jpg"],
        "reason": ["was dropped by corrections.csv: blurred"],
    }
    assert labelled.rows["group"].tolist() == ["", "", ""]


def test_several_labels_may_be_given(tmp_path: Path) -> None:
    labelled = corrected(tmp_path, "path,label,note\ntop.jpg,dog+cat,both\n", label_separator="+")
    assert dict(zip(labelled.rows["path"], labelled.rows["labels"], strict=True))["top.jpg"] == "cat|dog"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("path,label\n", "^.*corrections.csv: its columns are path, label; they must be path, label, note$"),
        ("path,label,note\ncat/1.jpg,,\n", r"row 1 \('cat/1.jpg'\) has no label; write the right one, or 'drop'$"),
        ("path,label,note\ncat/1.jpg,  ,\n", r"row 1 .'cat/1.jpg'. has no label; write the right one, or 'drop'$"),
        ("path,label,note\n,cat,\n", r"row 1 \(''\) has no path"),
        ("path,label,note\ncat/1.jpg,x,\ncat/1.jpg,y,\n", "row 2 .* corrects a path that an earlier row corrects"),
        (
            "path,label,note\n1.jpg,dog,\n",
            r"^corrections.csv: '1.jpg' is no picture of the source \(did you mean '(cat|dog)/1.jpg'\?\)$",
        ),
        ("", "not a comma-separated table in UTF-8: it is empty$"),
        ("path,label,note\na,b,c,d,e\n", "line 2 has 5 fields where 3 are expected; quote a field that holds the sep"),
    ],
    ids=["columns", "no label", "blank label", "no path", "twice", "unknown", "empty", "ragged"],
)
def test_a_correction_that_cannot_be_meant_is_refused(tmp_path: Path, text: str, said: str) -> None:
    with pytest.raises(DataError, match=said):
        corrected(tmp_path, text)


def test_an_absent_file_is_said(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"is absent; an empty one has the line path,label,note$"):
        Corrections.read(tmp_path / "corrections.csv")


def test_what_stands_around_a_correction_is_no_part_of_it(tmp_path: Path) -> None:
    labelled = corrected(tmp_path, "path,label,note\n cat/2.jpg , dog ,\ntop.jpg,Drop,\n")
    assert labelled.rows["label"].tolist() == ["cat", "dog", "dog"]
    assert labelled.unlabelled["reason"].tolist() == ["was dropped by corrections.csv: no reason given"]
    assert labelled.warnings == []


def test_a_class_that_only_corrections_give_is_warned_of_once(tmp_path: Path) -> None:
    labelled = corrected(tmp_path, "path,label,note\ntop.jpg,dgo,\ncat/1.jpg,dgo,\ncat/2.jpg,owl,\n")
    assert labelled.warnings == [
        "corrections.csv: 'top.jpg' is the first of the class 'dgo' (did you mean 'dog'?)",
        "corrections.csv: 'cat/2.jpg' is the first of the class 'owl'",
    ]
    assert (
        corrected(tmp_path, "path,label,note\ntop.jpg,cat+dgo,\n", label_separator="+").warnings[0].endswith("'dog'?)")
    )
