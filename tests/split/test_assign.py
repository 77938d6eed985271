"""Nothing straddles a split, every picture has one, and the same seed gives the same."""

from collections import Counter
from typing import Any

import pandas as pd
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from graft.core.errors import DataError, ParamsError
from graft.core.params import check
from graft.split import assign as module
from graft.split.assign import by_column, by_folder, by_hash
from graft.split.config import Split
from graft.stats import draws


def frame(label: list[str], group: list[str] | None = None, **slices: list[str]) -> pd.DataFrame:
    """Rows as in labels.csv."""
    paths = [f"{place:04d}.jpg" for place in range(len(label))]
    columns = {"path": paths, "label": label, "group": group or [""] * len(label)}
    return pd.DataFrame(columns | slices, dtype=str)


def apart(labels: pd.DataFrame) -> pd.Series:
    """No picture is a duplicate of another."""
    return pd.Series([str(place) for place in range(len(labels))], dtype=str)


def assign(split: Split, labels: pd.DataFrame, duplicates: pd.Series) -> pd.Series:
    """Splits of pictures that differ in content unless they are duplicates."""
    images = pd.DataFrame({"sha256": labels["path"], "duplicate_group": duplicates.to_numpy()}, index=labels.index)
    return module.assign(split, labels, images)["split"]


def sides(units: pd.Series, splits: pd.Series) -> dict[str, set[str]]:
    """Splits on which each unit has a picture."""
    found: dict[str, set[str]] = {}
    for unit, name in zip(units, splits, strict=True):
        found.setdefault(unit, set()).add(name)
    return found


shares = st.sampled_from([0.15, 0.2, 0.25, 0.3])
strata = st.lists(st.integers(12, 25), min_size=2, max_size=4)


@pytest.mark.slow
@settings(max_examples=25, deadline=None)
@given(sizes=strata, test=shares, valid=shares, seed=st.integers(0, 2**63 - 1), order=st.randoms(use_true_random=False))
def test_a_random_split_without_duplicates_is_exact_and_stratified(
    sizes: list[int], test: float, valid: float, seed: int, order: Any
) -> None:
    label = [f"class {place}" for place, size in enumerate(sizes) for _ in range(size)]
    order.shuffle(label)
    labels = frame(label)
    splits = assign(Split(by="random", test=test, valid=valid, seed=seed), labels, apart(labels))

    total, counts = len(label), Counter(splits)
    held_out = round(test * total)
    assert counts == {
        "test": held_out,
        "valid": round(valid * (total - held_out)),
        "train": total - held_out - round(valid * (total - held_out)),
    }
    rest = Counter(labels["label"][splits != "test"])
    for name, size in Counter(label).items():
        inside = Counter(splits[labels["label"] == name])
        assert abs(inside["test"] - counts["test"] * size / total) < 1
        assert abs(inside["valid"] - counts["valid"] * rest[name] / (total - held_out)) < 1


@pytest.mark.slow
@settings(max_examples=25, deadline=None)
@given(
    sizes=strata,
    ties=st.lists(st.tuples(st.integers(0, 23), st.integers(0, 23)), max_size=3),
    seed=st.integers(0, 1000),
)
def test_duplicates_never_straddle_a_random_split(sizes: list[int], ties: list[tuple[int, int]], seed: int) -> None:
    labels = frame([f"class {place}" for place, size in enumerate(sizes) for _ in range(size)])
    duplicates = apart(labels)
    for one, other in ties:
        duplicates[duplicates == duplicates[one]] = duplicates[other]
    rule = Split(by="random", test=0.25, valid=0.25, seed=seed)
    splits = assign(rule, labels, duplicates)
    assert all(len(found) == 1 for found in sides(duplicates, splits).values())
    assert len(splits) == len(labels)
    assert set(splits) == {"train", "valid", "test"}
    assert splits.equals(assign(rule, labels, duplicates))


@pytest.mark.slow
@settings(max_examples=30, deadline=None)
@given(
    members=st.lists(st.lists(st.sampled_from("xyz"), min_size=1, max_size=6), min_size=8, max_size=16),
    ties=st.lists(st.tuples(st.integers(0, 7), st.integers(0, 7)), max_size=3),
    seed=st.integers(0, 1000),
)
def test_neither_groups_nor_duplicates_straddle_a_split_by_group(
    members: list[list[str]], ties: list[tuple[int, int]], seed: int
) -> None:
    group = [f"g{place}" for place, inside in enumerate(members) for _ in inside]
    labels = frame([label for inside in members for label in inside], group)
    assume(labels["label"].value_counts().gt(3).sum() > 1)
    duplicates = apart(labels)
    for one, other in ties:
        duplicates[duplicates == duplicates[one]] = duplicates[other]
    rule = Split(by="group", test=0.25, valid=0.25, seed=seed)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(draws, "DRAWS", 1000)
        try:
            splits = assign(rule, labels, duplicates)
        except DataError as error:  # all groups of a class may be held out
            assert "single class" in str(error)  # noqa: PT017 - what else it may say is tested below
            return
        again = assign(rule, labels, duplicates)
    assert all(len(found - {"excluded"}) <= 1 for found in sides(labels["group"], splits).values())
    assert all(len(found - {"excluded"}) <= 1 for found in sides(duplicates, splits).values())
    assert len(splits) == len(labels)
    assert set(splits) - {"excluded"} == {"train", "valid", "test"}
    assert splits.equals(again)


@pytest.mark.slow
def test_a_chain_of_ties_stays_together() -> None:
    # g0 holds 0-1, g1 holds 2-3, g2 holds 4-5; 1 is a copy of 2, and 3 a copy of 4
    group = ["g0", "g0", "g1", "g1", "g2", "g2", *(f"h{place // 2}" for place in range(20))]
    labels = frame(["a", "b"] * 13, group)
    duplicates = apart(labels)
    duplicates[2], duplicates[4] = duplicates[1], duplicates[3]
    found = set()
    for seed in range(8):
        splits = assign(Split(by="group", test=0.3, valid=0.3, seed=seed), labels, duplicates)
        assert splits[:6].nunique() == 1
        found.add(splits[0])
    assert found == {"train", "valid", "test"}


def test_an_image_without_a_group_is_a_group_of_its_own() -> None:
    labels = frame(["a", "b"] * 20, ["g", "g", *([""] * 38)])
    splits = assign(Split(by="group", test=0.25, valid=0.2), labels, apart(labels))
    assert Counter(splits) == {"test": 10, "valid": 6, "train": 24}


def test_whole_groups_are_stratified_as_well_as_they_allow() -> None:
    # 20 groups of 6: any 5 give 30 pictures, and a mixture of exactly 10 each exists
    mixture = ["aabbcc", "aaaaaa", "bbbbbb", "cccccc"] * 5
    group = [f"g{place}" for place, inside in enumerate(mixture) for _ in inside]
    labels = frame(list("".join(mixture)), group)
    for seed in range(5):
        splits = assign(Split(by="group", test=0.25, valid=0.2, seed=seed), labels, apart(labels))
        inside = Counter(labels["label"][splits == "test"])
        assert sum(inside.values()) == 30
        assert all(8 <= inside[name] <= 12 for name in "abc")
        assert Counter(splits)["valid"] == 18


@pytest.mark.parametrize("by", ["random", "group"])
def test_another_seed_is_another_split(by: str) -> None:
    labels = frame(["a", "b"] * 30, [f"g{place // 3}" for place in range(60)])
    drawn = {
        tuple(assign(check("split", Split, {"by": by, "test": 0.2, "valid": 0.2, "seed": seed}), labels, apart(labels)))
        for seed in range(5)
    }
    assert len(drawn) == 5


def test_changing_valid_keeps_the_test_set() -> None:
    labels = frame(["a", "b"] * 30)
    few, many = (
        assign(Split(by="random", test=0.2, valid=share, seed=3), labels, apart(labels)) for share in (0.1, 0.4)
    )
    assert ((few == "test") == (many == "test")).all()
    assert Counter(few)["valid"] == 5
    assert Counter(many)["valid"] == 19


def test_strata_are_combinations_of_columns() -> None:
    labels = frame(["a", "a", "b", "b"] * 20, kind=["m", "p", "m", "p"] * 20)
    rule = Split(by="random", test=0.25, valid=0.2, stratify=["label", "kind"])
    splits = assign(rule, labels, apart(labels))
    inside = Counter(zip(labels["label"][splits == "test"], labels["kind"][splits == "test"], strict=True))
    assert inside == {("a", "m"): 5, ("a", "p"): 5, ("b", "m"): 5, ("b", "p"): 5}


def test_a_split_without_strata_is_exact() -> None:
    labels = frame(["a", *(["b"] * 39)])
    splits = assign(Split(by="random", test=0.25, valid=0.2, stratify=[]), labels, apart(labels))
    assert Counter(splits) == {"test": 10, "valid": 6, "train": 24}


def test_the_answer_is_aligned_with_the_labels() -> None:
    labels = frame(["a", "b"] * 10).set_index(pd.Index(range(100, 120)))
    splits = assign(Split(by="random", test=0.2, valid=0.25), labels, apart(labels))
    assert splits.index.equals(labels.index)
    assert splits.name == "split"


@pytest.mark.parametrize(
    ("labels", "config", "said"),
    [
        (
            frame(["a", "b"] * 10, kind=["m"] * 20),
            {"stratify": ["label", "kid"]},
            r"^split.stratify: labels have no column 'kid' \(did you mean 'kind'\?\)$",
        ),
        (frame(["a", "b"] * 10), {"by": "group"}, "^split.by is 'group', but the labels have no groups; name a column"),
        (
            frame(["a", "b"] * 10, ["g"] * 20),
            {"by": "group"},
            "^split.test: of 20 pictures in 1 groups none can be held out: each group has a class that fewer",
        ),
        (
            frame(["a", "b"] * 10, ["g"] * 10 + ["h"] * 10),
            {"by": "group"},
            "^split.test: of 20 pictures in 2 groups none can be held out",
        ),
        (
            frame(["a", "b"] * 20, ["g"] * 36 + ["h", "h", "i", "i"]),
            {"by": "group", "test": 0.99},
            "^split.test: 0.99 of 40 pictures in 3 groups cannot be held out",
        ),
        (frame(["a", "b"]), {}, "^split: no picture is left for valid .2 train, 0 valid, 0 test."),
        (frame(["a", "a", "b", "b", "c", "c"]), {}, "^split: no picture is left for valid"),
        (frame([]), {}, "^split: no picture has a label yet; give some with `graft label`, then run `dvc repro`$"),
        (frame(["a"] * 19 + ["a"]), {}, "^split: train has a single class, 'a'; at least two are needed$"),
    ],
    ids=[
        "no column",
        "no groups",
        "one group",
        "two groups",
        "one large group",
        "two pictures",
        "small classes only",
        "no label",
        "one class",
    ],
)
def test_what_cannot_be_split_is_said(labels: pd.DataFrame, config: dict[str, Any], said: str) -> None:
    rule = check("split", Split, {"by": "random", "test": 0.2, "valid": 0.2} | config)
    with pytest.raises(DataError, match=said):
        assign(rule, labels, apart(labels))


@pytest.mark.parametrize(
    ("config", "said"),
    [
        ({"test": 0.0}, "split.test: input should be greater than 0; got 0.0"),
        ({"valid": 1.0}, "split.valid: input should be less than 1; got 1.0"),
        ({"seed": -1}, "split.seed: input should be greater than or equal to 0; got -1"),
        (
            {"by": "Group"},
            r"split.by: .*'random', 'group', 'hash', 'folder' or 'column'; got 'Group' \(did you mean 'group'\?\)",
        ),
        ({"stratify": "label"}, "split.stratify: input should be a valid list; got 'label'"),
    ],
    ids=["test", "valid", "seed", "by", "stratify"],
)
def test_a_rule_out_of_range_is_refused(config: dict[str, Any], said: str) -> None:
    with pytest.raises(ParamsError, match=said):
        check("split", Split, {"by": "random", "test": 0.2, "valid": 0.2} | config)


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
    placed = module.assign(rule(by="folder"), *rows(paths))["split"]
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
    placed = module.assign(rule(by="folder"), *rows(paths, duplicates=list("012304536")))
    expected = ["excluded", "train", "train", "excluded", "valid", "valid", "test", "test", "excluded"]
    assert placed["split"].tolist() == expected
    assert placed["reason"][0] == "has a copy in another split; the copy in test, else valid, stays"
    assert placed["reason"][8] == "lies in no folder called after a split, or in two that disagree"


def test_a_class_that_train_does_not_have_is_set_aside() -> None:
    paths = ["train/a", "train/b", "valid/a", "valid/c", "test/b", "test/c"]
    placed = module.assign(rule(by="folder"), *rows(paths))
    assert placed["split"].tolist() == ["train", "train", "valid", "excluded", "test", "excluded"]
    assert placed["reason"][3] == "its class has no picture in train"


keys = st.lists(st.text("abcdef", min_size=1, max_size=4), unique=True, min_size=1, max_size=40)


@settings(max_examples=60, deadline=None)
@given(old=keys, new=keys, seed=st.integers(0, 9), folds=st.sampled_from([None, 3]))
def test_adding_images_never_moves_an_old_one(old: list[str], new: list[str], seed: int, folds: int | None) -> None:
    config = rule(by="hash", seed=seed, folds=folds)
    before = dict(zip(old, by_hash(config, pd.Series(old)), strict=True))
    every = sorted({*old, *new})
    after = dict(zip(every, by_hash(config, pd.Series(every)), strict=True))
    assert {key: after[key] for key in old} == before


@pytest.mark.slow
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
            placed = module.assign(rule(by="hash", seed=seed), labels, images)["split"]
        except DataError:  # a split may be empty: there are few pictures
            return
        inside = placed != "excluded"
        assert (placed[inside].groupby(images["duplicate_group"][inside]).nunique() == 1).all()
        found.append(placed)
    both = (found[0] != "excluded") & (found[1][: len(old)] != "excluded")
    assert (found[0][both] == found[1][: len(old)][both]).all()


def test_hashing_gives_the_shares_asked_for() -> None:
    placed = by_hash(rule(by="hash", test=0.3, valid=0.2), pd.Series([str(place) for place in range(5000)]))
    shares = placed.value_counts(normalize=True)
    assert shares["test"] == pytest.approx(0.3, abs=0.02)
    assert shares["valid"] == pytest.approx(0.7 * 0.2, abs=0.02)


def test_groups_are_hashed_whole() -> None:
    labels, images = rows([f"{'ab'[place % 2]}{place}" for place in range(60)])
    labels["group"] = [f"g{place // 4}" for place in range(60)]
    placed = module.assign(rule(by="hash", seed=1), labels, images)["split"]
    assert (placed.groupby(labels["group"]).nunique() == 1).all()


@pytest.mark.parametrize("by", ["random", "group", "hash"])
def test_each_image_is_in_the_test_split_of_one_fold(by: str) -> None:
    labels, images = rows([f"{'ab'[place % 2]}{place:02}" for place in range(60)])
    labels["group"] = [f"g{place // 3}" for place in range(60)]
    tested: list[str] = []
    for fold in range(4):
        placed = module.assign(rule(by=by, folds=4, fold=fold, seed=2), labels, images)["split"]
        assert set(placed) == {"train", "valid", "test"}
        tested += labels["path"][placed == "test"].tolist()
    assert sorted(tested) == sorted(labels["path"])


def test_random_folds_are_of_equal_size_and_mixture() -> None:
    labels, images = rows([f"{'aab'[place % 3]}{place:02}" for place in range(60)])
    for fold in range(5):
        placed = module.assign(rule(by="random", folds=5, fold=fold), labels, images)["split"]
        assert labels["label"][placed == "test"].value_counts().to_dict() == {"a": 8, "b": 4}


def test_a_class_too_small_to_split_is_learnt_and_not_measured() -> None:
    labels, images = rows([f"a{place}" for place in range(20)] + [f"b{place}" for place in range(20)] + ["c0", "c1"])
    placed = module.assign(rule(by="random"), labels, images)["split"]
    assert placed[labels["label"] == "c"].tolist() == ["train", "train"]
    assert placed.value_counts()["test"] == 10


def test_a_class_too_rare_to_be_held_out_stays_in_train_however_the_rest_is_drawn() -> None:
    paths = [f"train/{kind}{number}" for kind in "ab" for number in range(12)] + ["train/c0", "test/a", "test/b"]
    for seed in range(12):
        placed = module.assign(rule(by="folder", seed=seed, valid=0.5), *rows(paths))["split"]
        assert placed[24] == "train", seed
        assert (placed == "valid").sum() == 12


def test_a_class_of_as_many_images_as_are_needed_is_held_out_too() -> None:
    paths = [f"train/{kind}{number}" for kind in "ab" for number in range(2)] + ["test/a", "test/b"]
    placed = module.assign(rule(by="folder", valid=0.5), *rows(paths))["split"]
    assert sorted(placed[:2]) == sorted(placed[2:4]) == ["train", "valid"]


def test_a_class_in_too_few_groups_stays_in_train() -> None:
    labels, images = rows([f"{'ab'[place % 2]}{place:02}" for place in range(60)] + ["c60", "c61"])
    labels["group"] = [f"g{place // 3}" for place in range(60)] + ["h0", "h1"]
    for seed in range(6):
        assert module.assign(rule(by="group", seed=seed), labels, images)["split"][60:].tolist() == ["train", "train"]


def test_a_rare_one_of_several_classes_stays_in_train() -> None:
    labels, images = rows([f"{'ab'[place % 2]}{place:02}" for place in range(40)])
    labels = labels.rename(columns={"label": "labels"})
    labels.loc[[3, 8], "labels"] = ["b|c", "a|c"]
    labels.loc[5, "labels"] = ""
    for seed in range(6):
        placed = module.assign(rule(by="random", seed=seed), labels, images)["split"]
        assert placed[[3, 8]].tolist() == ["train", "train"]


def test_groups_stay_whole_where_valid_is_drawn_beside_given_splits() -> None:
    paths = [f"train/{'ab'[number % 2]}{number}" for number in range(40)] + ["test/a", "test/b"]
    labels, images = rows(paths, group=[f"g{number // 4}" for number in range(40)] + ["", ""])
    placed = module.assign(rule(by="folder"), labels, images)["split"]
    assert (placed[:40].groupby(labels["group"][:40]).nunique() == 1).all()
    assert (placed == "valid").sum() == 8
