"""One table of all that a person should look at again, and a sheet of it."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from graft.data.arrays import ImageRows
from graft.data.dataset import Dataset
from graft.render.sheets import Tile
from graft.report import review as module
from graft.report.review import COLUMNS, review, save_review
from graft.tasks import MultiLabel, SingleLabel
from tests.evaluate.stored import alone, dataset, flip, paths, stored, two_clouds

COUNT = 300
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
    laid: list[Tile] = []
    monkeypatch.setattr(module, "save_sheet", lambda path, tiles, columns, side: laid.extend(tiles))
    shown = table(
        ("0001.png", "label", "a", "b", ""),
        ("0002.png", "label", "a|b", "", ""),
        ("0003.png", "label", "b", "a", ""),
        ("0004.png", "near_duplicate", "a", "", "0005.png"),
        ("0006.png", "outlier", "", "", ""),
    )
    save_review(tmp_path / "review.png", shown, pixels, MultiLabel(["a", "b"]), 6)
    assert [tile.lines for tile in laid] == [
        ("a -> b", "doubtful 0.75, valid", "0001.png"),
        ("a, b -> no class", "doubtful 0.75, valid", "0002.png"),
        ("a", "alike 0.75, valid", "0004.png"),
        ("its near duplicate", "", "0005.png"),
        ("no class", "unusual 0.75, valid", "0006.png"),
    ]
    assert [int(tile.pixels[0, 0, 0]) for tile in laid] == [1, 2, 4, 5, 6]


def test_a_sheet_is_written_even_of_nothing(tmp_path: Path, pixels: ImageRows) -> None:
    save_review(tmp_path / "some.png", table(("0001.png", "label", "a", "b", "")), pixels, AB, 6)
    save_review(tmp_path / "none.png", table(), pixels, AB, 6)
    for name in ("some.png", "none.png"):
        assert (tmp_path / name).read_bytes().startswith(b"\x89PNG")
