"""Heads in training by the 1cycle: linear ones under several penalties side by side, or one of another kind."""

import copy
import math
from abc import ABC, abstractmethod

import torch

from graft.model.head import Head, linear_head
from graft.model.task import Task
from graft.seeds import derive
from graft.train.examples import Examples
from graft.train.train_head import TrainHead


class Candidates(ABC):
    """`names` of the heads, `[P]`, and the `parameters` that train them all."""

    names: list[str]
    parameters: list[torch.Tensor]

    @abstractmethod
    def logits(self, features: torch.Tensor, training: bool) -> torch.Tensor:
        """Logits `[P, B, K]` of features `[B, D]` by every head."""

    @abstractmethod
    def penalties(self) -> torch.Tensor:
        """What is added to the loss of every head, `[P]`."""

    @abstractmethod
    def judged(self, epoch: int, losses: list[float]) -> None:
        """Hear what the log losses on valid are after an epoch, `[P]`."""

    @abstractmethod
    def head(self, place: int) -> Head:
        """One of them, in evaluation mode."""

    @abstractmethod
    def chosen(self, place: int) -> dict[str, float]:
        """What sets it apart from the others."""


class LinearHeads(Candidates):
    """One linear head for each penalty.

    They are one tensor to torch and, to Adam, independent problems.
    """

    def __init__(self, train: Examples, task: Task, l2: list[float]) -> None:
        self.l2 = l2
        self.names = [f"_l2_{value:g}" for value in l2]
        self.mean, self.scale = train.moments()
        prior = torch.from_numpy(task.prior(train.targets))
        self.weight = torch.zeros((len(l2), train.embeddings.width, len(prior)), requires_grad=True)
        self.bias = prior.repeat(len(l2), 1, 1).requires_grad_()
        self.parameters = [self.weight, self.bias]

    def logits(self, features: torch.Tensor, training: bool) -> torch.Tensor:
        """Standardise, then multiply with all weights at once."""
        return ((features - self.mean) / self.scale) @ self.weight + self.bias

    def penalties(self) -> torch.Tensor:
        """Half the penalty times the squared weights."""
        return torch.tensor(self.l2) / 2 * self.weight.square().sum((1, 2))

    def judged(self, epoch: int, losses: list[float]) -> None:
        """Go on: each has an optimum to come to."""

    def head(self, place: int) -> Head:
        """The head under one penalty."""
        return linear_head(self.weight[place], self.bias[place, 0], (self.mean, self.scale))

    def chosen(self, place: int) -> dict[str, float]:
        """Its penalty."""
        return {"l2": self.l2[place]}


class HiddenHead(Candidates):
    """A single head with a hidden layer; its fresh weights follow from torch's seed.

    No penalty keeps it from learning the training pictures by heart, so the epoch whose log loss on
    valid is lowest is kept, as the penalty of linear heads is chosen.
    """

    def __init__(self, train: Examples, task: Task, knobs: TrainHead) -> None:
        self.names = [""]
        prior = torch.from_numpy(task.prior(train.targets))
        self.network = Head(train.embeddings.width, len(prior), knobs.head, knobs.hidden, knobs.dropout)
        if knobs.head == "mlp":
            self.network.mean, self.network.scale = train.moments()
        with torch.no_grad():
            self.network.linear.bias.copy_(prior)
        self.parameters = list(self.network.parameters())
        self.epoch, self.least = 0, math.inf
        self._kept = self.network

    def logits(self, features: torch.Tensor, training: bool) -> torch.Tensor:
        """By the network as it trains, or as it will be used."""
        logits: torch.Tensor = self.network.train(training)(features)
        return logits[None]

    def penalties(self) -> torch.Tensor:
        """None: dropout holds it back."""
        return torch.zeros(1)

    def judged(self, epoch: int, losses: list[float]) -> None:
        """Keep a copy of the network when it is the best so far."""
        if losses[0] < self.least:
            self.epoch, self.least = epoch, losses[0]
            self._kept = copy.deepcopy(self.network)

    def head(self, place: int) -> Head:
        """The network after its best epoch."""
        return self._kept.eval()

    def chosen(self, place: int) -> dict[str, float]:
        """That epoch."""
        return {"epoch": self.epoch}


def make_candidates(train: Examples, task: Task, knobs: TrainHead, seed: int) -> Candidates:
    """Heads with fresh weights: a linear one for each penalty, or one of another kind.

    Args:
        seed: root of the draws; linear heads draw nothing.
    """
    if knobs.head == "linear":
        return LinearHeads(train, task, knobs.l2)
    torch.manual_seed(derive(seed, "head", "weights"))
    return HiddenHead(train, task, knobs)
