"""The head is fitted by the solver that is asked for, and validated on valid."""

import time
from collections.abc import Iterator
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import log_loss

from graft.core.errors import ParamsError, TrainingError
from graft.core.params import check
from graft.data.arrays import Embeddings
from graft.data.dataset import Dataset
from graft.heads import fit
from graft.heads.config import TrainHead
from graft.heads.examples import Examples
from graft.heads.fit import NUMBERS_A_THREAD, few_threads, fit_head
from graft.network.head import Head, head_logits
from graft.tasks import SingleLabel

pytestmark = pytest.mark.slow

COUNT, WIDTH = 240, 6

EXACT = TrainHead(solver="lbfgs", l2=[0.1])


def store(folder: Path, values: np.ndarray) -> Embeddings:
    """Write features `[N, V, D]` as `embed` does."""
    np.save(folder / "features.npy", values.astype(np.float32))
    pd.DataFrame({"path": [f"{row:03}" for row in range(len(values))]}).to_csv(folder / "rows.csv", index=False)
    return Embeddings(folder / "features.npy")


@pytest.fixture
def features(tmp_path: Path) -> Embeddings:
    generator = np.random.default_rng(0)
    values = generator.normal(size=(COUNT, WIDTH)).astype(np.float32) * [1, 2, 3, 4, 5, 0] + 7
    return store(tmp_path, values[:, None])


@pytest.fixture
def dataset(features: Embeddings) -> Dataset:
    generator = np.random.default_rng(1)
    plain = features.array[:, 0]
    noisy = plain[:, 0] + plain[:, 1] / 2 + generator.normal(size=COUNT)
    labels = np.asarray(["a", "b", "c"])[np.digitize(noisy, np.quantile(noisy, [0.4, 0.7]))]
    splits = np.where(np.arange(COUNT) % 4 == 0, "valid", "train")
    return Dataset(pd.DataFrame({"path": features.paths, "label": labels, "split": splits}), ["a", "b", "c"])


@pytest.fixture
def several(features: Embeddings) -> Dataset:
    """Three classes that hold for themselves, and a fourth that hardly ever does."""
    generator = np.random.default_rng(2)
    scores = features.array[:, 0, :3] + np.arange(1, 4) * generator.normal(size=(COUNT, 3))
    held = np.column_stack([scores > [7, 8, 11], np.arange(COUNT) % 60 == 1])
    labels = ["|".join(name for name, holds in zip("abcd", row, strict=True) if holds) for row in held]
    assert "" in labels
    splits = np.where(np.arange(COUNT) % 4 == 0, "valid", "train")
    return Dataset(pd.DataFrame({"path": features.paths, "labels": labels, "split": splits}), list("abcd"))


def scaled(features: Embeddings, head: Head) -> np.ndarray:
    """Features as the head standardises them."""
    return np.asarray((features.array[:, 0] - head.mean.numpy()) / head.scale.numpy())


def state(head: Head) -> bytes:
    """All bytes of a head."""
    return b"".join(tensor.numpy().tobytes() for tensor in head.state_dict().values())


def moved(dataset: Dataset, name: str, rows: slice) -> Dataset:
    """Put some rows into another split."""
    table = dataset.rows.copy()
    table.loc[table.index[rows], "split"] = name
    return Dataset(table, dataset.classes)


@pytest.mark.parametrize("l2", [0.03, 0.3])
def test_onecycle_agrees_with_scikit_learn(features: Embeddings, dataset: Dataset, l2: float) -> None:
    fitted = fit_head(features, dataset, TrainHead(epochs=200, batch_size=COUNT, l2=[l2]), 0.05, seed=0)
    train = (dataset.rows["split"] == "train").to_numpy()
    # scikit-learn sums losses and halves the penalty itself: C = 1 / (l2 * N)
    peer = LogisticRegression(C=1 / (l2 * train.sum()), tol=1e-8, max_iter=1000)
    peer.fit(scaled(features, fitted.head)[train], dataset.rows["label"][train])
    ours = torch.softmax(torch.from_numpy(head_logits(fitted.head, features, np.arange(COUNT))), 1).numpy()
    theirs = peer.predict_proba(scaled(features, fitted.head))
    np.testing.assert_allclose(ours, theirs, atol=2e-3)
    truth = dataset.rows["label"][~train]
    assert fitted.valid["accuracy"] == pytest.approx(np.mean(peer.classes_[theirs[~train].argmax(1)] == truth))
    assert fitted.log_loss == pytest.approx(log_loss(truth, theirs[~train]), abs=2e-3)


def test_penalties_trained_together_are_those_trained_alone(features: Embeddings, dataset: Dataset) -> None:
    together = fit_head(features, dataset, TrainHead(epochs=5, l2=[100.0, 1.0]), 0.01, seed=3)
    alone = fit_head(features, dataset, TrainHead(epochs=5, l2=[1.0]), 0.01, seed=3)
    assert together.chosen == alone.chosen == {"l2": 1.0}
    torch.testing.assert_close(together.head.state_dict(), alone.head.state_dict())


@pytest.mark.parametrize("solver", ["onecycle", "lbfgs"])
def test_valid_chooses_the_penalty(features: Embeddings, dataset: Dataset, solver: str) -> None:
    config = check("train_head", TrainHead, {"epochs": 30, "l2": [100.0, 0.01], "solver": solver})
    fitted = fit_head(features, dataset, config, 0.05, seed=0)
    assert fitted.chosen == {"l2": 0.01}
    assert list(fitted.metrics()) == ["l2", "log_loss", "accuracy"]


def test_curves_of_onecycle_are_by_epoch(features: Embeddings, dataset: Dataset) -> None:
    fitted = fit_head(features, dataset, TrainHead(epochs=3, l2=[0.3, 0.1]), 0.01, seed=0)
    assert len(fitted.curves) == 3
    ends = [f"{curve}_l2_{l2}" for l2 in (0.3, 0.1) for curve in ("train/loss", "valid/loss", "valid/accuracy")]
    assert list(fitted.curves[0]) == ["learning_rate", *ends]
    assert min(fitted.curves[-1][f"valid/loss_l2_{l2}"] for l2 in (0.3, 0.1)) == pytest.approx(fitted.log_loss)


@pytest.mark.parametrize("kind", ["linear", "mlp", "fastai"])
def test_without_epochs_the_head_is_fresh(features: Embeddings, dataset: Dataset, kind: str) -> None:
    fitted = fit_head(features, dataset, TrainHead.model_validate({"head": kind, "epochs": 0}), 0.01, seed=0)
    assert len(set(fitted.head.linear.bias.tolist())) == 1  # no class is favoured yet
    assert (fitted.head.linear.weight == 0).all() == (kind == "linear")
    assert fitted.curves == fitted.epochs == []


def test_curves_of_lbfgs_are_by_penalty_from_the_strongest(features: Embeddings, dataset: Dataset) -> None:
    fitted = fit_head(features, dataset, TrainHead(solver="lbfgs", l2=[0.1, 10.0, 0.01]), 0.01, seed=0)
    assert [point["l2"] for point in fitted.curves] == [10.0, 0.1, 0.01]
    assert list(fitted.curves[0]) == ["l2", "train/loss", "valid/loss", "valid/accuracy"]
    losses = [point["train/loss"] for point in fitted.curves]
    assert losses == sorted(losses, reverse=True)  # a weaker penalty fits closer
    assert min(point["valid/loss"] for point in fitted.curves) == fitted.log_loss


def test_lbfgs_takes_nothing_from_lr_and_seed(features: Embeddings, dataset: Dataset) -> None:
    first, second = (fit_head(features, dataset, EXACT, lr, seed) for lr, seed in ((0.001, 0), (1.0, 1)))
    assert state(first.head) == state(second.head)


@pytest.mark.parametrize("kind", ["linear", "mlp", "fastai"])
def test_draws_depend_on_seed_alone(features: Embeddings, dataset: Dataset, kind: str) -> None:
    config = check("train_head", TrainHead, {"head": kind, "hidden": 8, "epochs": 2, "batch_size": 32, "l2": [0.1]})
    made: list[bytes] = []
    for seed in (0, 0, 1):
        torch.manual_seed(len(made))  # what ran before must not matter
        made.append(state(fit_head(features, dataset, config, 0.01, seed).head))
    assert made[0] == made[1]
    assert made[0] != made[2]


@pytest.mark.parametrize("kind", ["mlp", "fastai"])
def test_a_hidden_layer_learns_what_no_line_divides(tmp_path: Path, kind: str) -> None:
    values = np.random.default_rng(0).uniform(-1, 1, (400, 2))
    features = store(tmp_path, values[:, None] * [1, 100] + [5, -3])
    labels = np.where(values.prod(1) > 0, "same", "other")
    splits = np.where(np.arange(400) % 4 == 0, "valid", "train")
    dataset = Dataset(pd.DataFrame({"path": features.paths, "label": labels, "split": splits}), ["other", "same"])
    given = {"head": kind, "hidden": 32, "dropout": 0.0, "epochs": 40, "batch_size": 32}
    fitted = fit_head(features, dataset, check("train_head", TrainHead, given), 0.03, seed=0)
    assert fitted.valid["accuracy"] > 0.9
    assert fit_head(features, dataset, EXACT, 0.01, seed=0).valid["accuracy"] < 0.75


@pytest.mark.parametrize("kind", ["mlp", "fastai"])
def test_of_a_hidden_layer_the_last_epoch_is_kept(features: Embeddings, dataset: Dataset, kind: str) -> None:
    given = {"head": kind, "hidden": 64, "epochs": 30, "batch_size": 16, "dropout": 0.0}
    fitted = fit_head(features, dataset, check("train_head", TrainHead, given), 0.03, seed=0)
    losses = [point["valid/loss"] for point in fitted.curves]
    assert int(np.argmin(losses)) < 29
    assert fitted.chosen == {"epoch": 30}
    assert fitted.log_loss == pytest.approx(losses[-1], rel=1e-5)
    assert not fitted.head.training


@pytest.mark.parametrize("kind", ["mlp", "fastai"])
def test_of_a_hidden_layer_the_best_epoch_is_kept_where_asked_for(
    features: Embeddings, dataset: Dataset, kind: str
) -> None:
    given = {"head": kind, "hidden": 64, "epochs": 30, "batch_size": 16, "dropout": 0.0, "epoch": "best"}
    fitted = fit_head(features, dataset, check("train_head", TrainHead, given), 0.03, seed=0)
    losses = [point["valid/loss"] for point in fitted.curves]
    assert fitted.chosen["epoch"] == 1 + int(np.argmin(losses)) < 30
    assert fitted.log_loss == pytest.approx(min(losses), rel=1e-5)
    assert not fitted.head.training


def test_no_batch_is_of_a_single_example(features: Embeddings, dataset: Dataset) -> None:
    few = moved(dataset, "excluded", slice(7, None))
    assert (few.rows["split"] == "train").sum() == 5  # in twos, one would be left over
    config = TrainHead(head="fastai", hidden=4, batch_size=2, epochs=1)
    assert np.isfinite(fit_head(features, few, config, 0.01, seed=0).log_loss)


@pytest.mark.parametrize("solver", ["onecycle", "lbfgs"])
def test_every_view_of_a_training_image_is_an_example(tmp_path: Path, dataset: Dataset, solver: str) -> None:
    generator = np.random.default_rng(5)
    views = generator.normal(size=(COUNT, 2, WIDTH)) + generator.normal(size=(COUNT, 1, WIDTH))
    train = (dataset.rows["split"] == "train").to_numpy()
    (tmp_path / "viewed").mkdir()
    viewed = store(tmp_path / "viewed", views)
    config = check("train_head", TrainHead, {"solver": solver, "l2": [0.1], "epochs": 100, "batch_size": 1000})
    fitted = fit_head(viewed, dataset, config, 0.05, seed=0)

    # the same pictures, the second views among them as pictures of their own
    (tmp_path / "flat").mkdir()
    flat = store(tmp_path / "flat", np.concatenate([views[:, :1], views[train][:, 1:]]))
    more = pd.concat([dataset.rows, dataset.rows[train]], ignore_index=True).assign(path=flat.paths)
    peer = fit_head(flat, Dataset(more, dataset.classes), config, 0.05, seed=0)
    torch.testing.assert_close(fitted.head.state_dict(), peer.head.state_dict(), atol=1e-3, rtol=1e-3)
    assert fitted.log_loss == pytest.approx(peer.log_loss, rel=1e-3)  # valid: plain views only


@pytest.mark.parametrize("excluded", ["test", "excluded"])
def test_only_train_and_valid_are_read(features: Embeddings, dataset: Dataset, several: Dataset, excluded: str) -> None:
    for given in (dataset, several):
        less = moved(given, excluded, slice(None, None, 5))
        read = set(Examples.train(features, less).rows) | set(Examples.valid(features, less).rows)
        assert read == set(np.flatnonzero(less.rows["split"] != excluded))


@pytest.mark.parametrize(
    ("solver", "message"), [("onecycle", r"loss is \[nan\] in epoch 1"), ("lbfgs", "not finite at l2 0.1")]
)
def test_loss_that_is_not_finite_stops(features: Embeddings, dataset: Dataset, solver: str, message: str) -> None:
    broken = np.array(features.array)
    broken[1, 0, 0] = np.nan
    np.save(Path(str(features.array.filename)), broken)  # type: ignore[attr-defined]
    config = check("train_head", TrainHead, {"solver": solver, "epochs": 1, "l2": [0.1]})
    with pytest.raises(TrainingError, match=message):
        fit_head(Embeddings(Path(str(features.array.filename))), dataset, config, 0.01, seed=0)  # type: ignore[attr-defined]


@pytest.mark.parametrize("l2", [0.01, 0.1])
@pytest.mark.parametrize("solver", ["onecycle", "lbfgs"])
def test_several_labels_are_as_many_regressions(features: Embeddings, several: Dataset, l2: float, solver: str) -> None:
    config = check("train_head", TrainHead, {"solver": solver, "epochs": 300, "batch_size": COUNT, "l2": [l2]})
    fitted = fit_head(features, several, config, 0.05, seed=0)
    ours = torch.sigmoid(torch.from_numpy(head_logits(fitted.head, features, np.arange(COUNT)))).numpy()

    train = (several.rows["split"] == "train").to_numpy()
    targets = several.targets("train", "valid")
    for place in range(4):
        peer = LogisticRegression(C=1 / (l2 * train.sum()), tol=1e-8, max_iter=1000)
        peer.fit(scaled(features, fitted.head)[train], targets[train, place])
        theirs = peer.predict_proba(scaled(features, fitted.head))[:, 1]
        np.testing.assert_allclose(ours[:, place], theirs, atol=3e-3 if solver == "onecycle" else 2e-4)
    predicted, truth = ours[~train], targets[~train]
    assert fitted.valid["exact_match"] == pytest.approx(np.mean(((predicted >= 0.5) == (truth > 0)).all(1)), abs=1e-6)
    assert fitted.log_loss == pytest.approx(log_loss(truth.ravel(), predicted.ravel()), rel=1e-5)
    assert list(fitted.metrics()) == ["l2", "log_loss", "mean_average_precision", "exact_match"]


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"solver": "lbfgs", "head": "mlp"}, "solver lbfgs fits linear heads only, and head is mlp"),
        ({"solver": "lbfgs", "l2": [0.1, 0.0]}, "needs penalties l2 above 0, or there is no optimum; got 0"),
        ({"l2": [0.1, -1.0]}, r"train_head.l2\[?.?1\]?: input should be greater than or equal to 0; got -1.0"),
        ({"head": "mpl"}, r"got 'mpl' \(did you mean 'mlp'\?\)"),
        ({"dropout": 1.0}, "train_head.dropout: input should be less than 1; got 1.0"),
    ],
)
def test_what_cannot_be_fitted_is_refused(given: dict[str, object], message: str) -> None:
    with pytest.raises(ParamsError, match=message):
        check("train_head", TrainHead, given)


@pytest.fixture
def sixteen() -> Iterator[None]:
    """As many threads as a machine of sixteen cores gives."""
    before = torch.get_num_threads()
    torch.set_num_threads(16)
    yield
    torch.set_num_threads(before)


@pytest.mark.usefixtures("sixteen")
@pytest.mark.parametrize(("numbers", "threads"), [(1, 1), (3 * NUMBERS_A_THREAD, 3), (99 * NUMBERS_A_THREAD, 16)])
def test_threads_fit_the_size_of_the_problem(numbers: int, threads: int) -> None:
    with few_threads(numbers):
        assert torch.get_num_threads() == threads
    assert torch.get_num_threads() == 16


@pytest.mark.usefixtures("sixteen")
@pytest.mark.parametrize("solver", ["onecycle", "lbfgs"])
def test_a_small_head_is_fitted_by_one_thread_and_to_the_same_bits_by_two(
    features: Embeddings, dataset: Dataset, solver: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: set[int] = set()
    losses = SingleLabel.losses

    def noted(*given: Any) -> torch.Tensor:
        seen.add(torch.get_num_threads())
        return losses(*given)

    monkeypatch.setattr(SingleLabel, "losses", noted)
    config = check("train_head", TrainHead, {"epochs": 2, "solver": solver})
    by_one = fit_head(features, dataset, config, 0.01, seed=0)
    assert seen == {1}
    monkeypatch.setattr(fit, "few_threads", lambda _: nullcontext())
    torch.set_num_threads(2)
    assert state(fit_head(features, dataset, config, 0.01, seed=0).head) == state(by_one.head)
    assert seen == {1, 2}


@pytest.mark.slow
@pytest.mark.usefixtures("sixteen")
def test_a_small_head_takes_no_longer_by_sixteen_threads(features: Embeddings, dataset: Dataset) -> None:
    """The quickest of some fits each, in turn, so that what else the machine does counts little."""
    seconds: dict[int, list[float]] = {2: [], 16: []}
    for _ in range(3):
        for threads, found in seconds.items():
            torch.set_num_threads(threads)
            began = time.perf_counter()
            fit_head(features, dataset, TrainHead(epochs=5, batch_size=32), 0.01, seed=0)
            found.append(time.perf_counter() - began)
    assert min(seconds[16]) < 1.5 * min(seconds[2])
