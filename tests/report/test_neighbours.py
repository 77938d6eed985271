"""Pairs that look the same to the network are found, once each; what lies far from all others comes first."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from graft.report import neighbours as module
from graft.report.neighbours import LEAST_COSINE, Standardised, near_duplicates, neighbour_distances, outliers
from tests.report.stored_features import alone, paths, stored

COUNT = 400


def twins(folder: Path, pairs: dict[int, int], noise: float = 0.05) -> Standardised:
    """Unrelated pictures, but for pairs."""
    generator = np.random.default_rng(0)
    values = generator.normal(size=(COUNT, 64))
    for one, other in pairs.items():
        values[other] = values[one] + noise * generator.normal(size=64)
    return Standardised.of(stored(folder, values), paths(COUNT))


def rows(**changed: dict[int, str]) -> pd.DataFrame:
    made = pd.DataFrame({"path": paths(COUNT), "label": "a", "split": "train"})
    for column, values in changed.items():
        for number, value in values.items():
            made.loc[number, column] = value
    return made


def test_pairs_across_splits_or_labels_come_first(tmp_path: Path) -> None:
    made = rows(split={7: "test", 8: "valid", 9: "test"}, label={30: "b"})
    found = near_duplicates(made, alone(COUNT), twins(tmp_path, {7: 100, 8: 9, 20: 30, 40: 50}))
    assert found[["path", "other"]].apply(tuple, axis=1).tolist()[-1] == ("0040.png", "0050.png")
    assert set(found[["path", "other"]].head(3).apply(tuple, axis=1)) == {
        ("0100.png", "0007.png"),  # of train and test, the one in train is to be changed
        ("0008.png", "0009.png"),
        ("0020.png", "0030.png"),
    }
    assert dict(zip(found["path"], found["suggested"], strict=True)) == {
        "0100.png": "",
        "0008.png": "",
        "0020.png": "b",
        "0040.png": "",
    }
    assert found["score"].between(LEAST_COSINE, 1).all()


def test_known_copies_are_not_told_again(tmp_path: Path) -> None:
    duplicates = alone(COUNT)
    duplicates[50] = duplicates[40]
    found = near_duplicates(rows(), duplicates, twins(tmp_path, {20: 30, 40: 50}))
    assert found["path"].tolist() == ["0020.png"]


def test_no_pairs_are_an_empty_table(tmp_path: Path) -> None:
    found = near_duplicates(rows(), alone(COUNT), twins(tmp_path, {}))
    assert found.empty
    assert list(found.columns) == ["path", "label", "suggested", "score", "other"]


def test_hardly_a_pair_is_missed(tmp_path: Path) -> None:
    """Pairs just above the least cosine, where hashes differ most."""
    pairs = {number: number + 200 for number in range(200)}
    features = twins(tmp_path, pairs, noise=0.31)
    one, other = features.read(np.arange(200)), features.read(np.arange(200, 400))
    cosine = (one * other).sum(1) / np.linalg.norm(one, axis=1) / np.linalg.norm(other, axis=1)
    near = {paths(COUNT)[number] for number in np.flatnonzero(cosine > LEAST_COSINE + 1e-4)}
    found = near_duplicates(rows(), alone(COUNT), features)
    assert len(near) > 50
    assert len(near & set(found["path"])) / len(near) > 0.95


def test_a_crowd_gives_each_image_one_partner(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    values = np.random.default_rng(0).normal(size=(COUNT, 64))
    values[:40] = values[0] + 0.02 * np.random.default_rng(1).normal(size=(40, 64))
    features = Standardised.of(stored(tmp_path, values), paths(COUNT))
    whole = near_duplicates(rows(), alone(COUNT), features)
    assert len(whole) == 39
    assert not whole["path"].duplicated().any()
    for limit in ("MOST_PAIRS", "PAIRS_AT_ONCE"):  # however little is held at once
        monkeypatch.setattr(module, limit, 3)
        assert near_duplicates(rows(), alone(COUNT), features).equals(whole)


def cloud(folder: Path, count: int = 300, far: int = 3) -> Standardised:
    """A cloud, and a few pictures each in a direction of its own."""
    values = np.random.default_rng(0).normal(size=(count, 20))
    for number in range(far):
        values[number * 10] = 0
        values[number * 10, number] = 12 + 4 * number
    return Standardised.of(stored(folder, values), paths(count))


def test_the_farthest_come_first(tmp_path: Path) -> None:
    found = outliers(paths(300), cloud(tmp_path))
    assert found["path"][:3].tolist() == ["0020.png", "0010.png", "0000.png"]
    assert found["score"].is_monotonic_decreasing
    assert found["score"].between(0, 1).all()
    assert found["score"][0] > 0.3
    assert len(found) < 15


def test_a_sample_to_compare_with_is_enough(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "REFERENCE", 100)
    assert outliers(paths(300), cloud(tmp_path))["path"][:3].tolist() == ["0020.png", "0010.png", "0000.png"]


def test_an_image_is_not_its_own_neighbour(tmp_path: Path) -> None:
    values = np.asarray([[0.0], [1.0], [3.0]])
    made = Standardised.of(stored(tmp_path, values), paths(3))
    expected = np.asarray([2.0, 1.5, 2.5]) / values.std()
    assert neighbour_distances(made) == pytest.approx(expected, rel=1e-5)


def test_alike_all_of_them_is_no_outlier(tmp_path: Path) -> None:
    made = Standardised.of(stored(tmp_path, np.ones((30, 4))), paths(30))
    assert outliers(paths(30), made).empty


def test_chunks_change_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made = cloud(tmp_path)
    whole = outliers(paths(300), made)
    monkeypatch.setattr(module, "CHUNK", 7)
    assert outliers(paths(300), made).equals(whole)
