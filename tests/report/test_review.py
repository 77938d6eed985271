"""What a person should look at again: planted errors come first, and no head judges an image it was taught with."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from graft.data.arrays import ImageRows
from graft.data.dataset import Dataset
from graft.heads.config import TrainHead
from graft.heads.cross_validate import make_folds
from graft.heads.fit import fit_head
from graft.render.sheets import Tile
from graft.report import review as module
from graft.report.review import COLUMNS, LEAST_PENALTY, label_errors, out_of_fold_probabilities, review, save_review
from graft.tasks import MultiLabel, SingleLabel
from tests.report.stored_features import alone, dataset, flip, paths, stored, two_clouds

COUNT, MANY = 300, 2000
AB = SingleLabel(["a", "b"])


def listed(folder: Path, count: int) -> pd.DataFrame:
    """Flipped labels, two strange pictures, a pair across splits, and one picture aside."""
    features, labels = two_clouds(COUNT, width=30)
    labels, _ = flip(labels, 0.05)
    features[[3, 4], 5] = 40, -40
    features[10] = features[11]
    labels[10] = labels[11]
    split = np.resize(["train", "train", "test", "valid"], COUNT)
    split[:5] = "train"
    split[[10, 11, 299]] = "test", "train", "excluded"
    made = dataset(labels.tolist(), split.tolist())
    return review(made, alone(COUNT), stored(folder, features), AB, 0.1, count)


def test_kind_after_kind_each_ranked_and_no_more_than_asked_for(tmp_path: Path) -> None:
    table = listed(tmp_path, 5)
    assert list(table.columns) == COLUMNS
    assert table["rank"].tolist() == list(range(1, len(table) + 1))
    assert table["kind"].unique().tolist() == ["label", "near_duplicate", "outlier"]
    assert table["kind"].value_counts().max() == 5
    assert table.groupby("kind")["score"].apply(lambda scores: scores.is_monotonic_decreasing).all()
    assert set(table.loc[table["kind"] == "outlier", "path"]) >= {"0003.png", "0004.png"}
    pair = table[table["kind"] == "near_duplicate"].iloc[0]
    assert (pair["path"], pair["other"], pair["split"]) == ("0011.png", "0010.png", "train")
    assert (table.loc[table["kind"] != "near_duplicate", "other"] == "").all()
    assert (table.loc[table["kind"] == "label", "suggested"] != "").all()
    assert not (table["split"] == "excluded").any()
    assert not table.isna().any().any()


def test_the_same_bytes_come_out_twice(tmp_path: Path) -> None:
    assert listed(tmp_path, 50).to_csv() == listed(tmp_path, 50).to_csv()


def test_nothing_to_review_is_a_header(tmp_path: Path) -> None:
    features = np.repeat([[1.0, 0, 0], [0, 1, 0], [0, 0, 1]], 10, axis=0)
    labels = np.repeat(["a", "b", "c"], 10)
    task, copies = SingleLabel(["a", "b", "c"]), pd.Series(np.repeat(["0", "1", "2"], 10))
    table = review(dataset(labels.tolist()), copies, stored(tmp_path, features), task, 0.1, 5)
    assert table.to_csv(index=False) == ",".join(COLUMNS) + "\n"


def test_several_labels_go_the_same_way(tmp_path: Path) -> None:
    features, labels = two_clouds(COUNT)
    wrong, _ = flip(labels, 0.05)
    rows = pd.DataFrame({"path": paths(COUNT), "labels": wrong, "group": "", "split": "train"})
    rows.loc[rows.index % 2 == 0, "labels"] += "|c"
    made, task = Dataset(rows, ["a", "b", "c"]), MultiLabel(["a", "b", "c"])
    table = review(made, alone(COUNT), stored(tmp_path, features), task, 0.1, 3)
    assert (table["kind"] == "label").sum() == 3
    assert set(table["label"]) <= set(rows["labels"])


@pytest.fixture
def pixels(tmp_path: Path) -> ImageRows:
    (tmp_path / "pixels").mkdir()
    values = np.arange(COUNT, dtype=np.int64)[:, None, None, None] * np.ones((1, 4, 4, 3), np.int64) % 256
    np.save(tmp_path / "pixels/pixels.npy", values.astype(np.uint8))
    pd.DataFrame({"path": paths(COUNT)}).to_csv(tmp_path / "pixels/rows.csv", index=False)
    return ImageRows(tmp_path / "pixels/pixels.npy")


def table(*rows: tuple[str, str, str, str, str]) -> pd.DataFrame:
    columns = ["path", "kind", "label", "suggested", "other"]
    return pd.DataFrame(rows, columns=columns).assign(score=0.75, split="valid")


def test_the_sheet_shows_the_first_of_each_kind_with_their_partners(
    tmp_path: Path, pixels: ImageRows, monkeypatch: pytest.MonkeyPatch
) -> None:
    drawn: list[Tile] = []
    monkeypatch.setattr(module, "save_sheet", lambda path, tiles, columns, side: drawn.extend(tiles))
    shown = table(
        ("0001.png", "label", "a", "b", ""),
        ("0002.png", "label", "a|b", "", ""),
        ("0003.png", "label", "b", "a", ""),
        ("0004.png", "near_duplicate", "a", "", "0005.png"),
        ("0006.png", "outlier", "", "", ""),
    )
    save_review(tmp_path, shown, pixels, MultiLabel(["a", "b"]), 6)
    assert [tile.lines for tile in drawn] == [
        ("a -> b", "doubtful 0.75, valid", "0001.png"),
        ("a, b -> no class", "doubtful 0.75, valid", "0002.png"),
        ("a", "alike 0.75, valid", "0004.png"),
        ("its near duplicate", "", "0005.png"),
        ("no class", "unusual 0.75, valid", "0006.png"),
    ]
    assert [int(tile.pixels[0, 0, 0]) for tile in drawn] == [1, 2, 4, 5, 6]


def test_table_and_sheet_are_written_even_of_nothing(tmp_path: Path, pixels: ImageRows) -> None:
    for name, rows in (("some", table(("0001.png", "label", "a", "b", ""))), ("none", table()), ("unasked", None)):
        (tmp_path / name).mkdir()
        save_review(tmp_path / name, rows, pixels, AB, 6)
        assert (tmp_path / name / "review.png").read_bytes().startswith(b"\x89PNG")
        assert (tmp_path / name / "review.csv").is_file() == (rows is not None)


def test_a_wrong_label_is_seen_through(tmp_path: Path) -> None:
    features, labels = two_clouds(COUNT)
    wrong, chosen = flip(labels, 0.05)
    embeddings = stored(tmp_path, features)
    found = out_of_fold_probabilities(
        dataset(wrong.tolist(), ["train", "valid", "test"] * 100), alone(COUNT), embeddings, AB, 0.1
    )
    assert found.shape == (COUNT, 2)
    assert found.sum(1) == pytest.approx(1)
    right = np.asarray(["a", "b"])[found.argmax(1)] == labels
    assert right.mean() > 0.9
    assert right[chosen].mean() > 0.7


def test_a_copy_with_another_label_teaches_nothing_about_its_twin(tmp_path: Path) -> None:
    features, labels = two_clouds(COUNT, width=400)  # wide enough that a head knows each picture by heart
    features[1], labels[1] = features[0], "b"
    embeddings, made, copies = stored(tmp_path, features), dataset(labels.tolist()), alone(COUNT)
    apart = out_of_fold_probabilities(made, copies, embeddings, AB, 0.01)
    copies[1] = copies[0]
    tied = out_of_fold_probabilities(made, copies, embeddings, AB, 0.01)
    assert make_folds(made.rows, copies)[0] == make_folds(made.rows, copies)[1]
    assert tied[0] == pytest.approx(tied[1])
    assert abs(apart[0, 0] - apart[1, 0]) > 0.2  # each of them had learnt the other's label


def test_what_lies_aside_is_left_out(tmp_path: Path) -> None:
    features, labels = two_clouds(60)
    made = dataset(labels.tolist(), ["aside"] * 10 + ["train"] * 50)
    made.rows.loc[0, "label"] = "never learnt"
    assert len(out_of_fold_probabilities(made, alone(60), stored(tmp_path, features), AB, 0.1)) == 50


def test_a_class_that_the_other_folds_do_not_have_is_nan(tmp_path: Path) -> None:
    features, labels = two_clouds(100)
    labels[7] = "c"
    made, copies = dataset(labels.tolist()), alone(100)
    found = out_of_fold_probabilities(made, copies, stored(tmp_path, features), SingleLabel(["a", "b", "c"]), 0.1)
    fold = make_folds(made.rows, copies)
    assert np.isnan(found[:, 2]).tolist() == (fold == fold[7]).tolist()
    assert not np.isnan(found[:, :2]).any()
    assert np.nansum(found, axis=1) == pytest.approx(1)


def test_one_group_leaves_nothing_to_learn_from(tmp_path: Path) -> None:
    features, labels = two_clouds(20)
    made = dataset(labels.tolist(), group=["g"] * 20)
    assert np.isnan(out_of_fold_probabilities(made, alone(20), stored(tmp_path, features), AB, 0.1)).all()


def test_several_labels_are_judged_each_for_itself(tmp_path: Path) -> None:
    features, labels = two_clouds(COUNT)
    text = np.where(labels == "a", "a|c", "b|c").astype(object)
    text[3] = "a|c|d"
    rows = pd.DataFrame({"path": paths(COUNT), "labels": text, "group": "", "split": "train"})
    made, task = Dataset(rows, list("abcd")), MultiLabel(list("abcd"))
    found = out_of_fold_probabilities(made, alone(COUNT), stored(tmp_path, features), task, 0.1)
    assert ((found[:, 0] > 0.5) == (labels == "a")).mean() > 0.9
    assert ((found[:, 1] > 0.5) == (labels == "b")).mean() > 0.9
    assert np.isnan(found[:, 2]).all()  # all have it
    assert np.isnan(found[3, 3])


def test_all_views_are_learnt_and_the_plain_one_is_judged(tmp_path: Path) -> None:
    features, labels = two_clouds(100)
    made = dataset(labels.tolist())
    views = np.stack([features, -features], axis=1)  # the second view says the contrary: the head learns nothing
    found = out_of_fold_probabilities(made, alone(100), stored(tmp_path, views), AB, 0.1)
    assert found == pytest.approx(0.5, abs=0.1)


def test_the_same_comes_out_twice_and_without_a_penalty_one_is_chosen(tmp_path: Path) -> None:
    features, labels = two_clouds(COUNT)
    made = dataset(labels.tolist(), ["train", "train", "valid", "valid", "train", "test"] * 50)
    embeddings, copies = stored(tmp_path, features), alone(COUNT)
    first = out_of_fold_probabilities(made, copies, embeddings, AB, None)
    assert np.array_equal(first, out_of_fold_probabilities(made, copies, embeddings, AB, None))
    chosen = fit_head(embeddings, made, TrainHead(solver="lbfgs"), 1.0, 0).chosen["l2"]
    assert np.array_equal(first, out_of_fold_probabilities(made, copies, embeddings, AB, chosen))


def test_without_a_penalty_that_of_the_head_is_the_least(tmp_path: Path) -> None:
    features, labels = two_clouds(COUNT)
    made, embeddings = dataset(labels.tolist()), stored(tmp_path, features)
    none, least = (out_of_fold_probabilities(made, alone(COUNT), embeddings, AB, l2) for l2 in (0.0, LEAST_PENALTY))
    assert np.array_equal(none, least)


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_planted_errors_come_first(tmp_path: Path, seed: int) -> None:
    features, labels = two_clouds(MANY, seed=seed)
    wrong, chosen = flip(labels, 0.05, seed)
    made = dataset(wrong.tolist())
    probabilities = out_of_fold_probabilities(made, alone(MANY), stored(tmp_path, features), AB, 0.1)
    found = label_errors(paths(MANY), made.targets("train"), probabilities, AB)
    planted = {f"{number:04}.png" for number in chosen}
    assert len(planted & set(found["path"][: len(planted)])) / len(planted) >= 0.7
    assert found["score"].is_monotonic_decreasing
    assert found["score"].between(0.5, 1).all()
    assert (found["label"] != found["suggested"]).all()
    given = dict(zip(paths(MANY), wrong, strict=True))
    assert [given[path] for path in found["path"]] == found["label"].tolist()


def certain(answers: list[int], classes: int, least: float = 0.02) -> np.ndarray:
    """Probabilities of a head that is nearly sure of an answer for each picture."""
    chances = np.full((len(answers), classes), least)
    chances[np.arange(len(answers)), answers] = 1 - least * (classes - 1)
    return chances


def test_what_was_not_learnt_is_not_doubted() -> None:
    targets = np.asarray([0, 0, 0, 1, 1, 1, 2, 0])
    chances = certain([0, 0, 0, 1, 1, 1, 0, 1], 3)
    chances[6, 2] = np.nan  # the only picture of its class
    found = label_errors(paths(8), targets, chances, SingleLabel(["a", "b", "c"]))
    assert found.to_dict("records") == [{"path": "0007.png", "label": "a", "suggested": "b", "score": 0.97}]


def test_nothing_judged_is_nothing_found() -> None:
    nothing = label_errors(paths(4), np.asarray([0, 0, 1, 1]), np.full((4, 2), np.nan), AB)
    assert list(nothing.columns) == ["path", "label", "suggested", "score"]
    assert nothing.empty
    one_class = label_errors(paths(2), np.asarray([0, 0]), np.asarray([[0.5, 0.5], [0.1, 0.9]]), AB)
    assert one_class.empty


def test_equals_stand_in_the_order_of_their_paths() -> None:
    targets = np.asarray([0, 0, 0, 1, 1, 1, 1, 0])
    chances = certain([0, 0, 0, 1, 1, 1, 0, 1], 2)
    assert label_errors(paths(8), targets, chances, AB)["path"].tolist() == ["0006.png", "0007.png"]


def test_of_several_labels_the_wrong_answers_are_turned(tmp_path: Path) -> None:
    features, labels = two_clouds(400)
    features[:, 1] *= 3  # a second question, independent of the first
    second = features[:, 1] > 0
    text = np.where(labels == "a", "a", "") + np.where(labels == "b", "b", "")
    text = np.where(second, np.char.add(text, "|c"), text).astype(object)
    clear = np.flatnonzero((np.abs(features[:, 0]) > 2) & (np.abs(features[:, 1]) > 2))[:6]
    original = text[clear].copy()
    for number in clear:  # forgotten, or one too many
        text[number] = text[number].removesuffix("|c") if "|c" in text[number] else text[number] + "|c"
    rows = pd.DataFrame({"path": paths(400), "labels": text, "group": "", "split": "train"})
    made, task = Dataset(rows, ["a", "b", "c"]), MultiLabel(["a", "b", "c"])
    probabilities = out_of_fold_probabilities(made, alone(400), stored(tmp_path, features), task, 0.01)
    found = label_errors(paths(400), made.targets("train"), probabilities, task)
    first = found.head(10).set_index("path")
    planted = [paths(400)[number] for number in clear]
    assert set(planted) <= set(first.index)
    assert first.loc[planted, "suggested"].tolist() == original.tolist()
    assert found["score"].between(0, 1).all()


def test_several_labels_that_say_nothing_are_not_doubted() -> None:
    task = MultiLabel(["a", "b"])
    for held in (0, 1):  # nobody has any, or everybody all
        targets = np.full((5, 2), held, dtype=np.float32)
        assert label_errors(paths(5), targets, np.full((5, 2), 0.5), task).empty
    targets = np.asarray([[1, 0], [0, 1], [1, 0], [0, 1]], dtype=np.float32)
    assert label_errors(paths(4), targets, np.full((4, 2), np.nan), task).empty
