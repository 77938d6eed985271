"""Fit the head on stored features, by the solver that is chosen, and validate it."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np
import torch

from graft.data.arrays import Embeddings
from graft.data.dataset import Dataset
from graft.heads.config import TrainHead
from graft.heads.examples import CHUNK, Examples
from graft.heads.lbfgs import solve
from graft.heads.minibatch import make_candidates, train_epochs
from graft.network.head import Head, head_logits
from graft.tasks import Task, make_task

NUMBERS_A_THREAD = 2**17
"""Features in a batch that keep one more of torch's threads busy; fewer, and they wait for each other."""


@dataclass(frozen=True, slots=True)
class Fitted:
    """A head, and how it came to be.

    Attributes:
        head: of several penalties, the one whose log loss on valid is lowest; of a hidden layer, after the epoch kept.
        chosen: what sets it apart from the others that were tried: ``{"l2": 0.1}`` or ``{"epoch": 7}``.
        log_loss: on valid, in nats a term.
        valid: the task's metrics on valid; the first decides.
        curves: by name, at every step: after each epoch, or at each penalty.
        epochs: a row of epochs.csv for each, of this head; none from a solver without epochs.
    """

    head: Head
    chosen: dict[str, float]
    log_loss: float
    valid: dict[str, float]
    curves: list[dict[str, float]]
    epochs: list[dict[str, float]]

    def metrics(self) -> dict[str, float]:
        """All that metrics.json says of valid."""
        return self.chosen | {"log_loss": self.log_loss} | self.valid


def fit_head(
    embeddings: Embeddings,
    dataset: Dataset,
    config: TrainHead,
    learning_rate: float,
    seed: int,
    on: Sequence[str] = ("train",),
) -> Fitted:
    """Fit a head to the training images, all flips of each; valid, as it is, chooses among those tried.

    Args:
        on: the splits to learn from.
        learning_rate: peak of the 1cycle; nothing to the solver ``lbfgs``.
        seed: root of all draws; ``lbfgs`` draws nothing.

    Raises:
        TrainingError: the loss is not finite, or no optimum was reached.
    """
    task = make_task(dataset.classes, dataset.multi_label)
    train, valid = Examples.train(embeddings, dataset, *on), Examples.valid(embeddings, dataset)
    return fit_examples(train, valid, task, config, learning_rate, seed)


@contextmanager
def few_threads(numbers: int) -> Iterator[None]:
    """Let torch compute on batches of so many numbers by no more threads than these keep busy."""
    before = torch.get_num_threads()
    torch.set_num_threads(min(before, max(1, numbers // NUMBERS_A_THREAD)))
    try:
        yield
    finally:
        torch.set_num_threads(before)


def fit_examples(
    train: Examples, valid: Examples, task: Task, config: TrainHead, learning_rate: float, seed: int
) -> Fitted:
    """Fit a head to some examples, as `fit_head` does; others choose among those tried."""
    batch = CHUNK if config.solver == "lbfgs" else config.batch_size
    with few_threads(min(batch, len(train)) * train.embeddings.width):
        if config.solver == "lbfgs":
            return _fit_by_lbfgs(train, valid, task, config.l2)
        return _fit_by_onecycle(train, valid, task, config, learning_rate, seed)


def _fit_by_onecycle(
    train: Examples, valid: Examples, task: Task, config: TrainHead, learning_rate: float, seed: int
) -> Fitted:
    candidates = make_candidates(train, task, config, seed)
    rounds = list(train_epochs(candidates, task, train, valid, config.epochs, config.batch_size, learning_rate, seed))
    curves = [point for _, point in rounds]
    best = int(np.argmin(rounds[-1][0])) if rounds else 0  # fresh heads are alike
    log_loss, metrics = validate(candidates.head(best), task, valid)
    name = candidates.names[best]
    columns = {
        "train_loss": "train/loss",
        "valid_loss": "valid/loss",
        task.primary_metric: f"valid/{task.primary_metric}",
    }
    epochs = [
        {"epoch": number} | {column: point[curve + name] for column, curve in columns.items()}
        for number, point in enumerate(curves, start=1)
    ]
    return Fitted(candidates.head(best), candidates.chosen(best), log_loss, metrics, curves, epochs)


def validate(head: Head, task: Task, valid: Examples) -> tuple[float, dict[str, float]]:
    """Log loss of a head in nats a term, and the metrics of the task."""
    logits = head_logits(head, valid.embeddings, valid.rows)
    log_likelihood = task.log_likelihood(logits.astype(np.float64), valid.targets)
    return -float(log_likelihood.mean()), task.metrics(logits, valid.targets)


def _fit_by_lbfgs(train: Examples, valid: Examples, task: Task, penalties: list[float]) -> Fitted:
    """Of the optima under each penalty the one whose log loss is lowest, with a point of the curves of each."""
    path: list[Fitted] = []
    curves: list[dict[str, float]] = []
    for optimum in solve(train, task, penalties):
        log_loss, metrics = validate(optimum.head, task, valid)
        on_valid = {f"valid/{name}": value for name, value in metrics.items()}
        curves.append({"l2": optimum.l2, "train/loss": optimum.train_loss, "valid/loss": log_loss} | on_valid)
        path.append(Fitted(optimum.head, {"l2": optimum.l2}, log_loss, metrics, curves, []))
    return min(path, key=lambda fitted: fitted.log_loss)
