"""L-BFGS takes a linear head to the optimum that scikit-learn finds."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from sklearn.linear_model import LogisticRegression

from graft.core.errors import TrainingError
from graft.data.arrays import Embeddings
from graft.heads import examples, lbfgs
from graft.heads.examples import Examples
from graft.heads.lbfgs import Objective, solve
from graft.tasks import MultiLabel, SingleLabel, Task

COUNT, WIDTH = 300, 12


@pytest.fixture
def embeddings(tmp_path: Path) -> Embeddings:
    """Features that hang together, with means far from zero."""
    generator = np.random.default_rng(0)
    values = generator.normal(size=(COUNT, WIDTH)) @ generator.normal(size=(WIDTH, WIDTH)) * 3 + 40
    np.save(tmp_path / "features.npy", values[:, None].astype(np.float32))
    pd.DataFrame({"path": [f"{row:03}" for row in range(COUNT)]}).to_csv(tmp_path / "rows.csv", index=False)
    return Embeddings(tmp_path / "features.npy")


def one_label(embeddings: Embeddings, classes: int) -> tuple[Examples, Task]:
    """Classes that follow from the features, but for noise."""
    generator = np.random.default_rng(1)
    scores = embeddings.array[:, 0, :classes] + 5 * generator.normal(size=(COUNT, classes))
    targets = scores.argmax(1).astype(np.int64)
    return Examples(embeddings, np.arange(COUNT), targets, 1), SingleLabel([str(place) for place in range(classes)])


def several(embeddings: Embeddings) -> tuple[Examples, Task]:
    """Three classes of which any may hold."""
    scores = embeddings.array[:, 0, :3] + 5 * np.random.default_rng(1).normal(size=(COUNT, 3))
    return Examples(embeddings, np.arange(COUNT), (scores > [38, 40, 45]).astype(np.float32), 1), MultiLabel(
        ["a", "b", "c"]
    )


def standardised(embeddings: Embeddings) -> np.ndarray:
    """Features of mean 0 and deviation 1."""
    values = embeddings.array[:, 0].astype(np.float64)
    return np.asarray((values - values.mean(0)) / values.std(0))


@pytest.mark.parametrize("l2", [1.0, 0.1, 0.01])
def test_coefficients_of_several_classes_are_scikit_learns(embeddings: Embeddings, l2: float) -> None:
    train, task = one_label(embeddings, 3)
    (found,) = solve(train, task, [l2])
    peer = LogisticRegression(C=1 / (l2 * COUNT), tol=1e-10, max_iter=5000)
    peer.fit(standardised(embeddings), train.targets)
    np.testing.assert_allclose(found.head.linear.weight.detach(), peer.coef_, atol=5e-4)
    bias = found.head.linear.bias.detach().numpy()
    np.testing.assert_allclose(bias - bias.mean(), peer.intercept_ - peer.intercept_.mean(), atol=5e-4)


def test_coefficients_of_two_classes_are_half_scikit_learns(embeddings: Embeddings) -> None:
    train, task = one_label(embeddings, 2)
    (found,) = solve(train, task, [0.1])
    # scikit-learn fits one logit, here there are two that are opposite: each half, their squares half in sum
    peer = LogisticRegression(C=2 / (0.1 * COUNT), tol=1e-10, max_iter=5000)
    peer.fit(standardised(embeddings), train.targets)
    weight = found.head.linear.weight.detach().numpy()
    np.testing.assert_allclose(weight[1], peer.coef_[0] / 2, atol=5e-4)
    np.testing.assert_allclose(weight[0], -peer.coef_[0] / 2, atol=5e-4)


@pytest.mark.parametrize("l2", [1.0, 0.01])
def test_coefficients_of_several_labels_are_scikit_learns(embeddings: Embeddings, l2: float) -> None:
    train, task = several(embeddings)
    (found,) = solve(train, task, [l2])
    for place in range(3):
        peer = LogisticRegression(C=1 / (l2 * COUNT), tol=1e-10, max_iter=5000)
        peer.fit(standardised(embeddings), train.targets[:, place])
        np.testing.assert_allclose(found.head.linear.weight[place].detach(), peer.coef_[0], atol=5e-4)
        np.testing.assert_allclose(found.head.linear.bias[place].detach(), peer.intercept_[0], atol=5e-4)


@pytest.mark.parametrize("multi_label", [False, True])
def test_gradient_is_that_of_the_loss(
    embeddings: Embeddings, multi_label: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(examples, "CHUNK", 77)
    train, task = several(embeddings) if multi_label else one_label(embeddings, 3)
    objective = Objective(train, task, train.moments())
    objective.l2 = 0.3
    vector = np.random.default_rng(0).normal(size=int(np.prod(objective.shape))) * 0.1
    _, gradient = objective(vector)
    for step in np.random.default_rng(1).normal(size=(5, vector.size)) * 1e-3:
        numeric = objective(vector + step)[0] - objective(vector - step)[0]
        assert numeric == pytest.approx(2 * gradient @ step, rel=1e-2, abs=1e-6)


def test_what_is_held_in_memory_and_what_is_not_gives_the_same(
    embeddings: Embeddings, monkeypatch: pytest.MonkeyPatch
) -> None:
    train, task = one_label(embeddings, 3)
    monkeypatch.setattr(examples, "CHUNK", 77)
    (held,) = solve(train, task, [0.1])
    monkeypatch.setattr(lbfgs, "MAX_CACHE", 0)
    assert Objective(train, task, train.moments())._cached is None
    (read,) = solve(train, task, [0.1])
    for name, tensor in held.head.state_dict().items():
        assert torch.equal(tensor, read.head.state_dict()[name])


def test_the_path_runs_from_strong_to_weak_and_ends_where_each_alone_does(embeddings: Embeddings) -> None:
    train, task = one_label(embeddings, 3)
    path = list(solve(train, task, [0.01, 1.0, 0.1]))
    assert [found.l2 for found in path] == [1.0, 0.1, 0.01]
    for found in path:
        (alone,) = solve(train, task, [found.l2])
        torch.testing.assert_close(found.head.state_dict(), alone.head.state_dict(), atol=1e-3, rtol=1e-3)
        logits = found.head(torch.from_numpy(embeddings.plain(train.rows)))
        assert found.train_loss == pytest.approx(
            task.losses(logits, torch.from_numpy(train.targets)).mean().item(), rel=1e-5
        )


def test_a_search_that_is_cut_short_says_so(embeddings: Embeddings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lbfgs, "MAX_STEPS", 2)
    train, task = one_label(embeddings, 3)
    with pytest.raises(TrainingError, match=r"no optimum at l2 0.001: after 2 steps the gradient is .*, above 0.001"):
        list(solve(train, task, [0.001]))


def test_moments_may_be_given(embeddings: Embeddings) -> None:
    train, task = one_label(embeddings, 3)
    mean, scale = torch.full((WIDTH,), 40.0), torch.full((WIDTH,), 2.0)
    (found,) = solve(train, task, [0.1], (mean, scale))
    assert torch.equal(found.head.mean, mean)
    assert torch.equal(found.head.scale, scale)
    peer = LogisticRegression(C=1 / (0.1 * COUNT), tol=1e-10, max_iter=5000)
    peer.fit((embeddings.array[:, 0].astype(np.float64) - 40) / 2, train.targets)
    np.testing.assert_allclose(found.head.linear.weight.detach(), peer.coef_, atol=5e-4)
