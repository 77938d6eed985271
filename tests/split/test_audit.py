"""The audit counts what a split holds and what straddles it."""

import pandas as pd

from graft.split.audit import audit, describe

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


def test_audit_counts_straddling_units_but_not_the_ungrouped() -> None:
    duplicates = pd.Series(["0", "1", "2", "2", "0", "1"])
    assert audit(LABELS, duplicates, SPLITS) == {
        "duplicate_groups_across_splits": 2,  # 0: train and test; 2: train and valid
        "groups": 2,
        "groups_across_splits": 1,  # h: train and test
    }


def test_audit_of_a_clean_split() -> None:
    clean = pd.Series(["train", "train", "test", "valid", "test", "train"])
    assert audit(LABELS, pd.Series(list("012345")), clean) == {
        "duplicate_groups_across_splits": 0,
        "groups": 2,
        "groups_across_splits": 0,
    }


def test_audit_without_groups() -> None:
    found = audit(LABELS.assign(group=""), pd.Series(list("012345")), SPLITS)
    assert found == {"duplicate_groups_across_splits": 0, "groups": 0, "groups_across_splits": 0}
