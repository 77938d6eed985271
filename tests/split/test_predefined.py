"""Splits that are given are taken as they are, and what adding pictures must not move stays."""

from typing import Any

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from graft.core.errors import DataError
from graft.core.params import check
from graft.split.assign import assign
from graft.split.config import Split
from graft.split.predefined import by_column, by_folder, by_hash

ORDER = {"train": 0, "valid": 1, "test": 2}


def rows(paths: list[str], duplicates: list[str] | None = None, **columns: list[str]) -> tuple[Any, Any]:
    """labels.csv and images.csv of pictures whose label is the first letter of their name."""
    label = [path.rpartition("/")[2][0] for path in paths]
    labels = pd.DataFrame({"path": paths, "label": label, "group": ""} | columns, dtype=str)
    groups = duplicates or [str(place) for place in range(len(paths))]
    return labels, pd.DataFrame({"path": paths, "sha256": paths, "duplicate_group": groups}, dtype=str)


def rule(**config: Any) -> Split:
    made: Split = check("split", Split, {"test": 0.25, "valid": 0.25} | config)
    return made


def test_folders_give_the_splits() -> None:
    paths = pd.Series(["x/Train/a", "x/val/b", "x/testing/c", "other/d", "train/test/e", "train/f/validation"])
    assert by_folder(paths).tolist() == ["train", "valid", "test", "", "", "train"]


def test_no_folder_called_after_a_split_is_said() -> None:
    with pytest.raises(DataError, match=r"no folder is called dev, test, .*; the first picture is 'a/train'$"):
        by_folder(pd.Series(["a/train", "b/test"]))


def test_a_column_gives_the_splits() -> None:
    labels, _ = rows(["a", "b", "c", "d"], fold=["Training", "dev", "test", ""])
    assert by_column(labels, "fold").tolist() == ["train", "valid", "test", ""]


@pytest.mark.parametrize(
    ("column", "said"),
    [
        (
            "fald",
            r"^split.column: labels have no column 'fald' \(did you mean 'fold'\?\); they have label, group, fold$",
        ),
        ("fold", "^split.column: fold has the value 'holdout', which is none of dev, test, "),
    ],
)
def test_a_column_that_gives_none_is_said(column: str, said: str) -> None:
    labels, _ = rows(["a", "b"], fold=["train", "Holdout"])
    with pytest.raises(DataError, match=said):
        by_column(labels, column)


def test_what_is_not_given_is_drawn_from_train() -> None:
    paths = [f"train/{kind}{number}" for kind in "ab" for number in range(8)] + [f"test/{kind}" for kind in "ab"]
    placed = assign(rule(by="folder"), *rows(paths))["split"]
    assert placed[16:].tolist() == ["test", "test"]
    assert placed[:16].value_counts().to_dict() == {"train": 12, "valid": 4}
    assert placed[:8].value_counts().to_dict() == {"train": 6, "valid": 2}


def test_the_copy_of_highest_rank_stays_and_others_are_set_aside() -> None:
    paths = [
        "train/a1",
        "train/a2",
        "train/b1",
        "train/b2",
        "valid/a3",
        "valid/b3",
        "test/a4",
        "test/b4",
        "elsewhere/a5",
    ]
    placed = assign(rule(by="folder"), *rows(paths, duplicates=list("012304536")))
    expected = ["aside", "train", "train", "aside", "valid", "valid", "test", "test", "aside"]
    assert placed["split"].tolist() == expected
    assert placed["why"][0] == "has a copy in another split; the copy in test, else valid, stays"
    assert placed["why"][8] == "lies in no folder called after a split, or in two that disagree"


def test_a_class_that_train_does_not_have_is_set_aside() -> None:
    paths = ["train/a", "train/b", "valid/a", "valid/c", "test/b", "test/c"]
    placed = assign(rule(by="folder"), *rows(paths))
    assert placed["split"].tolist() == ["train", "train", "valid", "aside", "test", "aside"]
    assert placed["why"][3] == "its class has no picture in train"


keys = st.lists(st.text("abcdef", min_size=1, max_size=4), unique=True, min_size=1, max_size=40)


@settings(max_examples=60, deadline=None)
@given(old=keys, new=keys, seed=st.integers(0, 9), folds=st.sampled_from([None, 3]))
def test_adding_images_never_moves_an_old_one(old: list[str], new: list[str], seed: int, folds: int | None) -> None:
    config = rule(by="hash", seed=seed, folds=folds)
    before = dict(zip(old, by_hash(config, pd.Series(old)), strict=True))
    every = sorted({*old, *new})
    after = dict(zip(every, by_hash(config, pd.Series(every)), strict=True))
    assert {key: after[key] for key in old} == before


@settings(max_examples=40, deadline=None)
@given(
    old=st.lists(st.integers(0, 20), min_size=12, max_size=24),
    new=st.lists(st.integers(0, 20), max_size=8),
    seed=st.integers(0, 30),
)
def test_copies_never_straddle_and_no_old_image_changes_split(old: list[int], new: list[int], seed: int) -> None:
    """An added copy may put an old picture aside, for test outranks train, but moves none to another split."""
    paths = [f"{'ab'[place % 2]}{place}" for place in range(len(old) + len(new))]
    groups = [str(group) for group in old + new]
    found = []
    for count in (len(old), len(paths)):
        labels, images = rows(paths[:count], duplicates=groups[:count])
        try:
            placed = assign(rule(by="hash", seed=seed), labels, images)["split"]
        except DataError:  # a split may be empty: there are few pictures
            return
        inside = placed != "aside"
        assert (placed[inside].groupby(images["duplicate_group"][inside]).nunique() == 1).all()
        found.append(placed)
    both = (found[0] != "aside") & (found[1][: len(old)] != "aside")
    assert (found[0][both] == found[1][: len(old)][both]).all()


def test_hashing_gives_the_shares_asked_for() -> None:
    placed = by_hash(rule(by="hash", test=0.3, valid=0.2), pd.Series([str(place) for place in range(5000)]))
    shares = placed.value_counts(normalize=True)
    assert shares["test"] == pytest.approx(0.3, abs=0.02)
    assert shares["valid"] == pytest.approx(0.7 * 0.2, abs=0.02)


def test_groups_are_hashed_whole() -> None:
    labels, images = rows([f"{'ab'[place % 2]}{place}" for place in range(60)])
    labels["group"] = [f"g{place // 4}" for place in range(60)]
    placed = assign(rule(by="hash", seed=1), labels, images)["split"]
    assert (placed.groupby(labels["group"]).nunique() == 1).all()


@pytest.mark.parametrize("by", ["random", "group", "hash"])
def test_each_image_is_in_the_test_split_of_one_fold(by: str) -> None:
    labels, images = rows([f"{'ab'[place % 2]}{place:02}" for place in range(60)])
    labels["group"] = [f"g{place // 3}" for place in range(60)]
    tested: list[str] = []
    for fold in range(4):
        placed = assign(rule(by=by, folds=4, fold=fold, seed=2), labels, images)["split"]
        assert set(placed) == {"train", "valid", "test"}
        tested += labels["path"][placed == "test"].tolist()
    assert sorted(tested) == sorted(labels["path"])


def test_random_folds_are_of_equal_size_and_mixture() -> None:
    labels, images = rows([f"{'aab'[place % 3]}{place:02}" for place in range(60)])
    for fold in range(5):
        placed = assign(rule(by="random", folds=5, fold=fold), labels, images)["split"]
        assert labels["label"][placed == "test"].value_counts().to_dict() == {"a": 8, "b": 4}


def test_a_class_too_small_to_split_is_learnt_and_not_measured() -> None:
    labels, images = rows([f"a{place}" for place in range(20)] + [f"b{place}" for place in range(20)] + ["c0", "c1"])
    placed = assign(rule(by="random"), labels, images)["split"]
    assert placed[labels["label"] == "c"].tolist() == ["train", "train"]
    assert placed.value_counts()["test"] == 10


def test_a_class_too_rare_to_be_held_out_stays_in_train_however_the_rest_is_drawn() -> None:
    paths = [f"train/{kind}{number}" for kind in "ab" for number in range(12)] + ["train/c0", "test/a", "test/b"]
    for seed in range(12):
        placed = assign(rule(by="folder", seed=seed, valid=0.5), *rows(paths))["split"]
        assert placed[24] == "train", seed
        assert (placed == "valid").sum() == 12


def test_a_class_of_as_many_images_as_are_needed_is_held_out_too() -> None:
    paths = [f"train/{kind}{number}" for kind in "ab" for number in range(2)] + ["test/a", "test/b"]
    placed = assign(rule(by="folder", valid=0.5), *rows(paths))["split"]
    assert sorted(placed[:2]) == sorted(placed[2:4]) == ["train", "valid"]


def test_a_class_in_too_few_groups_stays_in_train() -> None:
    labels, images = rows([f"{'ab'[place % 2]}{place:02}" for place in range(60)] + ["c60", "c61"])
    labels["group"] = [f"g{place // 3}" for place in range(60)] + ["h0", "h1"]
    for seed in range(6):
        assert assign(rule(by="group", seed=seed), labels, images)["split"][60:].tolist() == ["train", "train"]


def test_a_rare_one_of_several_classes_stays_in_train() -> None:
    labels, images = rows([f"{'ab'[place % 2]}{place:02}" for place in range(40)])
    labels = labels.rename(columns={"label": "labels"})
    labels.loc[[3, 8], "labels"] = ["b|c", "a|c"]
    labels.loc[5, "labels"] = ""
    for seed in range(6):
        placed = assign(rule(by="random", seed=seed), labels, images)["split"]
        assert placed[[3, 8]].tolist() == ["train", "train"]


def test_groups_stay_whole_where_valid_is_drawn_beside_given_splits() -> None:
    paths = [f"train/{'ab'[number % 2]}{number}" for number in range(40)] + ["test/a", "test/b"]
    labels, images = rows(paths, group=[f"g{number // 4}" for number in range(40)] + ["", ""])
    placed = assign(rule(by="folder"), labels, images)["split"]
    assert (placed[:40].groupby(labels["group"][:40]).nunique() == 1).all()
    assert (placed == "valid").sum() == 8
