"""The audit counts what a split holds and what straddles it."""

from typing import Any

import pandas as pd

from graft.split.audit import audit, describe, unlearnt

LABELS = pd.DataFrame(
    {
        "path": list("abcdef"),
        "label": ["cat", "dog", "cat", "cat", "dog", "dog"],
        "group": ["g", "g", "h", "", "h", ""],
    }
)
SPLITS = pd.Series(["train", "train", "train", "valid", "test", "train"])


def test_describe_counts_by_split_and_class() -> None:
    assert describe(LABELS, SPLITS) == {
        "train": {"all": 4, "cat": 2, "dog": 2},
        "valid": {"all": 1, "cat": 1},
        "test": {"all": 1, "dog": 1},
    }


def test_describe_says_when_a_split_is_empty() -> None:
    assert describe(LABELS, pd.Series(["train"] * 6))["test"] == {"all": 0}


def images(duplicates: str) -> pd.DataFrame:
    """Rows as in images.csv: all alike but for their duplicate group, one letter each."""
    same = {"bytes": "1", "width": "2", "height": "3", "format": "PNG", "mode": "L", "camera": "", "taken": ""}
    return pd.DataFrame({"path": LABELS["path"], "duplicate_group": list(duplicates)} | same)


def straddling(found: dict[str, Any]) -> tuple[int, int, int]:
    return found["duplicate_groups_across_splits"], found["groups"], found["groups_across_splits"]


def test_audit_counts_straddling_units_but_not_the_ungrouped() -> None:
    # duplicate groups 0 (train and test) and 2 (train and valid); group h (train and test)
    assert straddling(audit(LABELS, images("012201"), SPLITS)) == (2, 2, 1)


def test_audit_of_a_clean_split() -> None:
    clean = pd.Series(["train", "train", "test", "valid", "test", "train"])
    assert straddling(audit(LABELS, images("012345"), clean)) == (0, 2, 0)


def test_audit_without_groups() -> None:
    assert straddling(audit(LABELS.assign(group=""), images("012345"), SPLITS)) == (0, 0, 0)


def test_what_is_set_aside_straddles_nothing() -> None:
    aside = SPLITS.where(SPLITS != "test", "aside")
    assert straddling(audit(LABELS, images("012301"), aside.replace("valid", "test"))) == (0, 2, 0)


def test_a_class_that_train_lacks_is_named() -> None:
    assert unlearnt({"train": {"all": 2, "cat": 1, "dog": 1}, "test": {"all": 2, "cat": 1, "": 1}}) is None
    said = unlearnt(
        {name: {"all": 1, "cat": 1} for name in ("train", "valid", "test")} | {"aside": {"all": 2, "owl": 2}}
    )
    assert said == "class 'owl': in no training picture, and was left out"
    said = unlearnt({"train": {"all": 1, "cat": 1}, "valid": {"all": 1, "owl": 1}, "test": {"all": 1, "cat": 1}})
    assert said == "class 'owl': in no training picture, so nothing can be learnt of it"
    none = {name: {"all": 0} for name in ("train", "valid", "test")}
    counts = none | {"aside": {f"kind {number:02}": 1 for number in range(12)}}
    assert "'kind 09' and 2 more: in no training picture" in str(unlearnt(counts))
