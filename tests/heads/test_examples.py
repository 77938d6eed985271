"""Examples are the views of pictures, numbered picture by picture."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch

from graft.data.arrays import Embeddings
from graft.data.dataset import Dataset
from graft.heads import examples
from graft.heads.examples import Examples

COUNT = 30


@pytest.fixture
def embeddings(tmp_path: Path) -> Embeddings:
    values = np.random.default_rng(0).normal(size=(COUNT, 3, 4)) * [1, 2, 30, 0] + 7
    np.save(tmp_path / "features.npy", values.astype(np.float32))
    pd.DataFrame({"path": [f"{row:03}" for row in range(COUNT)]}).to_csv(tmp_path / "rows.csv", index=False)
    return Embeddings(tmp_path / "features.npy")


@pytest.fixture
def dataset(embeddings: Embeddings) -> Dataset:
    splits = np.resize(["train", "valid", "test"], COUNT)
    labels = np.resize(["a", "a", "b", "b"], COUNT)
    return Dataset(pd.DataFrame({"path": embeddings.paths, "label": labels, "split": splits}), ["a", "b"])


def test_train_has_all_views_and_valid_the_plain_one(embeddings: Embeddings, dataset: Dataset) -> None:
    train, valid = Examples.train(embeddings, dataset), Examples.valid(embeddings, dataset)
    assert (len(train), len(valid)) == (30, 10)
    features, targets = train.read(np.array([0, 1, 5, 29]))
    np.testing.assert_array_equal(features, embeddings.array[[0, 0, 3, 27], [0, 1, 2, 2]])
    assert targets.tolist() == [0, 0, 1, 1]
    features, targets = valid.read(np.array([9, 0]))
    np.testing.assert_array_equal(features, embeddings.array[[28, 1], 0])
    assert targets.tolist() == [0, 0]


def test_chunks_are_all_examples_in_order(
    embeddings: Embeddings, dataset: Dataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    train = Examples.train(embeddings, dataset)
    whole, targets = train.read(np.arange(30))
    monkeypatch.setattr(examples, "CHUNK", 7)
    parts = list(train.chunks())
    assert [len(features) for features, _ in parts] == [7, 7, 7, 7, 2]
    assert torch.equal(torch.cat([features for features, _ in parts]), whole)
    assert torch.equal(torch.cat([part for _, part in parts]), targets)


def test_moments_by_numpy(embeddings: Embeddings, dataset: Dataset, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(examples, "CHUNK", 7)
    mean, scale = Examples.train(embeddings, dataset).moments()
    values = embeddings.array[::3].reshape(30, 4)
    np.testing.assert_allclose(mean, values.mean(0), rtol=1e-5)
    np.testing.assert_allclose(scale[:3], values.std(0)[:3], rtol=1e-5)
    assert scale[3] == 1  # a feature that never varies
