"""Pairs that look the same to the network are found, once each, the telling ones first."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from graft.report import neighbours as module
from graft.report.neighbours import SIMILAR, Standardised, near_duplicates
from tests.evaluate.stored import alone, paths, stored

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
    assert found["score"].between(SIMILAR, 1).all()


def test_known_copies_are_not_told_again(tmp_path: Path) -> None:
    copies = alone(COUNT)
    copies[50] = copies[40]
    found = near_duplicates(rows(), copies, twins(tmp_path, {20: 30, 40: 50}))
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
    near = {paths(COUNT)[number] for number in np.flatnonzero(cosine > SIMILAR + 1e-4)}
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
    for limit in ("KEPT", "COMPARED"):  # however little is held at once
        monkeypatch.setattr(module, limit, 3)
        assert near_duplicates(rows(), alone(COUNT), features).equals(whole)
