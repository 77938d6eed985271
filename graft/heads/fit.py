"""Fit the head on stored features, by the solver that is chosen, and judge it on valid."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from graft.data.arrays import Embeddings
from graft.data.dataset import Dataset
from graft.heads.config import TrainHead
from graft.heads.examples import Examples
from graft.heads.lbfgs import solve
from graft.heads.minibatch import make_candidates, train_epochs
from graft.network.head import Head, head_logits
from graft.tasks import Task, make_task


@dataclass(frozen=True, slots=True)
class Fitted:
    """A head, and how it came to be.

    Attributes:
        head: the one whose log loss on valid is lowest.
        chosen: what sets it apart from the others that were tried: ``{"l2": 0.1}`` or ``{"epoch": 7}``.
        log_loss: on valid, in nats an answer.
        figures: on valid, those of the task; the first decides.
        curves: by name, at every step: after each epoch, or at each penalty.
    """

    head: Head
    chosen: dict[str, float]
    log_loss: float
    figures: dict[str, float]
    curves: list[dict[str, float]]

    def metrics(self) -> dict[str, float]:
        """All figures of valid, for metrics.json."""
        return self.chosen | {"log_loss": self.log_loss} | self.figures


def fit_head(embeddings: Embeddings, dataset: Dataset, config: TrainHead, learning_rate: float, seed: int) -> Fitted:
    """Fit a head to the training pictures, all views of each; valid, as it is, chooses among those tried.

    Args:
        embeddings: stored features of all pictures.
        dataset: which of them are train and valid, and their targets.
        learning_rate: peak of the 1cycle; nothing to the solver ``lbfgs``.
        seed: root of all draws; ``lbfgs`` draws nothing.

    Raises:
        TrainingError: the loss is not finite, or no optimum was reached.
    """
    task = make_task(dataset.classes, dataset.multi_label)
    train, valid = Examples.train(embeddings, dataset), Examples.valid(embeddings, dataset)
    if config.solver == "lbfgs":
        return _best(list(_path(train, valid, task, config.l2)))
    candidates = make_candidates(train, task, config, seed)
    rounds = train_epochs(candidates, task, train, valid, config.epochs, config.batch_size, learning_rate, seed)
    epochs = list(rounds)
    best = int(np.argmin(epochs[-1].valid_loss))
    log_loss, figures = judge(candidates.head(best), task, valid)
    curves = [epoch.metrics(candidates.names, task.primary_metric) for epoch in epochs]
    return Fitted(candidates.head(best), candidates.chosen(best), log_loss, figures, curves)


def judge(head: Head, task: Task, valid: Examples) -> tuple[float, dict[str, float]]:
    """Log loss of a head in nats an answer, and the figures of the task."""
    logits = head_logits(head, valid.embeddings, valid.rows)
    log_likelihood = task.log_likelihood(logits.astype(np.float64), valid.targets)
    return -float(log_likelihood.mean()), task.metrics(logits, valid.targets)


def _path(train: Examples, valid: Examples, task: Task, penalties: list[float]) -> Iterator[Fitted]:
    """Yield the head under each penalty, from the strongest on, each with its point of the curves."""
    for found in solve(train, task, penalties):
        log_loss, figures = judge(found.head, task, valid)
        named = {f"valid/{name}": figure for name, figure in figures.items()}
        point = {"l2": found.l2, "train/loss": found.train_loss, "valid/loss": log_loss} | named
        yield Fitted(found.head, {"l2": found.l2}, log_loss, figures, [point])


def _best(path: list[Fitted]) -> Fitted:
    """The one whose log loss is lowest, with the curves of all."""
    best = min(path, key=lambda fitted: fitted.log_loss)
    curves = [point for fitted in path for point in fitted.curves]
    return Fitted(best.head, best.chosen, best.log_loss, best.figures, curves)
