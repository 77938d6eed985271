"""Heads in training by the 1cycle: linear ones under several penalties side by side, or one of another kind."""

import copy
import math
from collections.abc import Iterator

import numpy as np
import torch

from graft.core.errors import TrainingError
from graft.core.seeds import derive
from graft.heads.config import TrainHead
from graft.heads.examples import Examples
from graft.network.head import Head, linear_head
from graft.optim.batches import parts_of
from graft.optim.schedule import make_schedule
from graft.tasks import Task


class LinearHeads:
    """One linear head for each of P penalties: one tensor to torch and, to Adam, independent problems."""

    def __init__(self, train: Examples, task: Task, l2: list[float]) -> None:
        self.l2 = l2
        self.names = [f"_l2_{value:g}" for value in l2]
        self.mean, self.scale = train.moments()
        prior = torch.from_numpy(task.prior_logits(train.targets))
        self.weight = torch.zeros((len(l2), train.embeddings.width, len(prior)), requires_grad=True)
        self.bias = prior.repeat(len(l2), 1, 1).requires_grad_()
        self.parameters = [self.weight, self.bias]

    def logits(self, features: torch.Tensor, training: bool) -> torch.Tensor:
        """Logits `[P, B, K]` of features `[B, D]` by every head."""
        return ((features - self.mean) / self.scale) @ self.weight + self.bias

    def penalties(self) -> torch.Tensor:
        """What is added to the loss of every head, `[P]`."""
        return torch.tensor(self.l2) / 2 * self.weight.square().sum((1, 2))

    def validated(self, epoch: int, losses: list[float]) -> None:
        """Take note of the log losses on valid, `[P]`: nothing to do, each head has an optimum to come to."""

    def head(self, index: int) -> Head:
        """The head under one penalty, in evaluation mode."""
        return linear_head(self.weight[index], self.bias[index, 0], (self.mean, self.scale))

    def chosen(self, index: int) -> dict[str, float]:
        """What sets it apart from the others: its penalty."""
        return {"l2": self.l2[index]}


class HiddenHead:
    """A single head with a hidden layer, with the methods of `LinearHeads`; fresh weights follow from torch's seed.

    No penalty is there to choose. The last epoch is kept, or the one whose log loss on valid is lowest:
    that also holds it back from learning the training images by heart, but leaves the low rates of
    the 1cycle's end unused.
    """

    def __init__(self, train: Examples, task: Task, config: TrainHead) -> None:
        self.names = [""]
        prior = torch.from_numpy(task.prior_logits(train.targets))
        self.network = Head(train.embeddings.width, len(prior), config.head, config.hidden, config.dropout)
        if config.head == "mlp":
            self.network.mean, self.network.scale = train.moments()
        with torch.no_grad():
            self.network.linear.bias.copy_(prior)
        self.parameters = list(self.network.parameters())
        self.rule = config.epoch
        self.epoch, self.least = 0, math.inf
        self._kept = self.network

    def logits(self, features: torch.Tensor, training: bool) -> torch.Tensor:
        """Logits `[1, B, K]`, by the network as it trains or as it will be used."""
        logits: torch.Tensor = self.network.train(training)(features)
        return logits[None]

    def penalties(self) -> torch.Tensor:
        """Zero, `[1]`: dropout holds it back."""
        return torch.zeros(1)

    def validated(self, epoch: int, losses: list[float]) -> None:
        """Keep the network as it is now: the last one itself, of the best so far a copy."""
        if self.rule == "last":
            self.epoch = epoch
        elif losses[0] < self.least:
            self.epoch, self.least = epoch, losses[0]
            self._kept = copy.deepcopy(self.network)

    def head(self, index: int) -> Head:
        """The network after the epoch that is kept, in evaluation mode."""
        return self._kept.eval()

    def chosen(self, index: int) -> dict[str, float]:
        """That epoch."""
        return {"epoch": self.epoch}


Candidates = LinearHeads | HiddenHead


def make_candidates(train: Examples, task: Task, config: TrainHead, seed: int) -> Candidates:
    """Heads with fresh weights: a linear one for each penalty, or one of another kind.

    Args:
        seed: root of the draws; linear heads draw nothing.
    """
    if config.head == "linear":
        return LinearHeads(train, task, config.l2)
    torch.manual_seed(derive(seed, "head", "weights"))
    return HiddenHead(train, task, config)


MIN_BATCH = 2
"""Examples a batch: a batch norm needs two."""


def train_epochs(
    candidates: Candidates,
    task: Task,
    train: Examples,
    valid: Examples,
    epochs: int,
    batch_size: int,
    learning_rate: float,
    seed: int,
) -> Iterator[tuple[list[float], dict[str, float]]]:
    """Train all candidates, yielding after each epoch.

    Args:
        learning_rate: peak of the 1cycle.
        seed: root of the draws of order and dropout.

    Yields:
        Log losses on valid, `[P]`, and a point of every curve by name; losses in nats a term.

    Raises:
        TrainingError: a loss is no longer finite.
    """
    # without decay: the penalty is part of the loss
    optimizer = torch.optim.AdamW(candidates.parameters, lr=learning_rate, weight_decay=0.0)
    batches = parts_of(len(train), batch_size, MIN_BATCH)
    schedule = make_schedule(optimizer, "one_cycle", epochs * batches)
    for epoch in range(1, epochs + 1):
        order = np.random.default_rng(derive(seed, "head", "order", epoch)).permutation(len(train))
        torch.manual_seed(derive(seed, "head", "dropout", epoch))
        total = torch.zeros(len(candidates.names))
        for indices in np.array_split(order, batches):
            features, targets = train.read(indices)  # [B, D]; [B] or [B, K]
            all_logits = candidates.logits(features, training=True)
            losses = torch.stack([task.losses(logits, targets).mean() for logits in all_logits])
            optimizer.zero_grad()
            (losses + candidates.penalties()).sum().backward()
            optimizer.step()
            rate = float(schedule.get_last_lr()[0])
            schedule.step()
            total += losses.detach() * len(indices)
        if not bool(torch.isfinite(total).all()):
            raise TrainingError(
                f"the head's loss is {total.tolist()} in epoch {epoch} at rate {rate:g}; try a lower lr"
            )
        train_loss = (total / (len(order) * task.loss_terms)).tolist()
        valid_loss, correct = _validate(candidates, task, valid)
        candidates.validated(epoch, valid_loss)
        curves = {"learning_rate": rate}
        for index, name in enumerate(candidates.names):
            curves[f"train/loss{name}"] = train_loss[index]
            curves[f"valid/loss{name}"] = valid_loss[index]
            curves[f"valid/{task.primary_metric}{name}"] = correct[index]
        yield valid_loss, curves


@torch.inference_mode()
def _validate(candidates: Candidates, task: Task, valid: Examples) -> tuple[list[float], list[float]]:
    """Log loss on valid and the share that is correct, one value a candidate."""
    loss, correct = torch.zeros((2, len(candidates.names)))
    for features, targets in valid.chunks():
        logits = candidates.logits(features, training=False)
        repeated = targets.expand(len(logits), *targets.shape)
        loss += task.losses(logits, repeated).sum(1)
        correct += task.correct(logits, repeated).sum(1)
    return (loss / (len(valid) * task.loss_terms)).tolist(), (correct / len(valid)).tolist()
