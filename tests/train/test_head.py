"""The head is the optimum of penalised logistic regression, as scikit-learn finds it."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import log_loss

from graft.errors import TrainingError
from graft.images.rows import PictureRows
from graft.split.table import Dataset
from graft.train.head import HeadFit, TrainHead, moments

COUNT, WIDTH = 240, 6


@pytest.fixture
def features(tmp_path: Path) -> PictureRows:
    generator = np.random.default_rng(0)
    values = generator.normal(size=(COUNT, WIDTH)).astype(np.float32) * [1, 2, 3, 4, 5, 0] + 7
    np.save(tmp_path / "features.npy", values.astype(np.float32))
    pd.DataFrame({"path": [f"{row:03}" for row in range(COUNT)]}).to_csv(tmp_path / "rows.csv", index=False)
    return PictureRows(tmp_path / "features.npy")


@pytest.fixture
def dataset(features: PictureRows) -> Dataset:
    generator = np.random.default_rng(1)
    score = np.asarray(features.array[:, 0]) + np.asarray(features.array[:, 1]) / 2
    noisy = score + generator.normal(size=COUNT)
    labels = np.asarray(["a", "b", "c"])[np.digitize(noisy, np.quantile(noisy, [0.4, 0.7]))]
    splits = np.where(np.arange(COUNT) % 4 == 0, "valid", "train")
    return Dataset(pd.DataFrame({"path": features.paths, "label": labels, "split": splits}), ["a", "b", "c"])


def test_moments_by_numpy(features: PictureRows) -> None:
    rows = np.arange(0, COUNT, 3)
    mean, scale = moments(features, rows)
    np.testing.assert_allclose(mean, features.array[rows].mean(0), rtol=1e-5)
    np.testing.assert_allclose(scale[:5], features.array[rows].std(0)[:5], rtol=1e-5)
    assert scale[5] == 1  # a feature that never varies


@pytest.mark.parametrize("l2", [0.03, 0.3])
def test_head_agrees_with_scikit_learn(features: PictureRows, dataset: Dataset, l2: float) -> None:
    fit = HeadFit(features, dataset, TrainHead(epochs=200, batch_size=COUNT, l2=[l2]), 0.05, seed=0)
    last = list(fit.run())[-1]
    head, _ = fit.best()

    train = dataset.rows["split"] == "train"
    scaled = (features.array - fit.mean.numpy()) / fit.scale.numpy()
    # scikit-learn sums losses and halves the penalty itself: C = 1 / (l2 * N)
    peer = LogisticRegression(C=1 / (l2 * train.sum()), tol=1e-8, max_iter=1000)
    peer.fit(scaled[train], dataset.rows["label"][train])
    with torch.inference_mode():
        ours = torch.softmax(head(torch.from_numpy(np.array(features.array))), 1).numpy()
    np.testing.assert_allclose(ours, peer.predict_proba(scaled), atol=2e-3)
    valid = ~train
    accuracy = peer.score(scaled[valid], dataset.rows["label"][valid])
    assert last.valid_right[0] == pytest.approx(accuracy, abs=1 / valid.sum() + 1e-9)


def test_penalties_fitted_together_are_those_fitted_alone(features: PictureRows, dataset: Dataset) -> None:
    together = HeadFit(features, dataset, TrainHead(epochs=5, l2=[0.01, 1.0]), 0.01, seed=3)
    alone = HeadFit(features, dataset, TrainHead(epochs=5, l2=[1.0]), 0.01, seed=3)
    list(together.run())
    list(alone.run())
    torch.testing.assert_close(together.weight[1], alone.weight[0])


def test_valid_chooses_the_penalty(features: PictureRows, dataset: Dataset) -> None:
    fit = HeadFit(features, dataset, TrainHead(epochs=30, l2=[100.0, 0.01]), 0.05, seed=0)
    last = list(fit.run())[-1]
    _, best = fit.best()
    assert last.valid_loss[1] < last.valid_loss[0]
    assert best == 1


def test_order_depends_on_seed_alone(features: PictureRows, dataset: Dataset) -> None:
    knobs = TrainHead(epochs=2, batch_size=32, l2=[0.1])
    losses = [[e.train_loss for e in HeadFit(features, dataset, knobs, 0.01, seed).run()] for seed in (0, 0, 1)]
    assert losses[0] == losses[1]
    assert losses[0] != losses[2]


def test_test_pictures_are_never_read(features: PictureRows, dataset: Dataset) -> None:
    rows = dataset.rows.copy()
    rows.loc[::5, "split"] = "test"
    fit = HeadFit(features, Dataset(rows, dataset.classes), TrainHead(epochs=1), 0.01, seed=0)
    test = set(np.flatnonzero(rows["split"] == "test"))
    assert not test & (set(fit.train) | set(fit.valid))


def test_loss_that_is_not_finite_stops(tmp_path: Path, features: PictureRows, dataset: Dataset) -> None:
    broken = np.array(features.array)
    broken[1, 0] = np.nan
    np.save(tmp_path / "features.npy", broken)
    fit = HeadFit(PictureRows(tmp_path / "features.npy"), dataset, TrainHead(epochs=1, l2=[0.1]), 0.01, seed=0)
    with pytest.raises(TrainingError, match=r"the head's loss is \[nan\] in epoch 1"):
        list(fit.run())


@pytest.fixture
def several(features: PictureRows) -> Dataset:
    """Three classes that hold for themselves, and a fourth that hardly ever does."""
    generator = np.random.default_rng(2)
    scores = np.asarray(features.array)[:, :3] + np.arange(1, 4) * generator.normal(size=(COUNT, 3))
    held = np.column_stack([scores > [7, 8, 11], np.arange(COUNT) % 60 == 1])
    labels = ["|".join(name for name, holds in zip("abcd", row, strict=True) if holds) for row in held]
    assert "" in labels
    splits = np.where(np.arange(COUNT) % 4 == 0, "valid", "train")
    return Dataset(pd.DataFrame({"path": features.paths, "labels": labels, "split": splits}), list("abcd"))


@pytest.mark.parametrize("l2", [0.01, 0.1])
def test_several_labels_are_as_many_regressions(features: PictureRows, several: Dataset, l2: float) -> None:
    fit = HeadFit(features, several, TrainHead(epochs=300, batch_size=COUNT, l2=[l2]), 0.05, seed=0)
    last = list(fit.run())[-1]
    head, _ = fit.best()
    with torch.inference_mode():
        ours = torch.sigmoid(head(torch.from_numpy(np.array(features.array)))).numpy()

    train = (several.rows["split"] == "train").to_numpy()
    scaled = (features.array - fit.mean.numpy()) / fit.scale.numpy()
    targets = several.targets("train", "valid")
    for place in range(4):
        peer = LogisticRegression(C=1 / (l2 * train.sum()), tol=1e-8, max_iter=1000)
        peer.fit(scaled[train], targets[train, place])
        np.testing.assert_allclose(ours[:, place], peer.predict_proba(scaled)[:, 1], atol=3e-3)
    told, truth = ours[~train], targets[~train]
    assert last.valid_right[0] == pytest.approx(np.mean(((told >= 0.5) == (truth > 0)).all(1)), abs=1e-6)
    assert last.valid_loss[0] == pytest.approx(log_loss(truth.ravel(), told.ravel()), rel=1e-5)


def test_what_lies_aside_is_never_read(features: PictureRows, several: Dataset) -> None:
    rows = several.rows.copy()
    rows.loc[::5, "split"] = "aside"
    fit = HeadFit(features, Dataset(rows, several.classes), TrainHead(epochs=1), 0.01, seed=0)
    assert set(fit.train) | set(fit.valid) == set(np.flatnonzero(rows["split"] != "aside"))
