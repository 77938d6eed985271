"""Fit the head on stored features: logistic regression, one for each strength of its penalty.

The features do not change, so an epoch is a pass over rows of numbers, and all strengths of the
penalty are fitted at once: they are one tensor to torch and, to Adam, independent problems.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import torch
from numpy.typing import NDArray
from pydantic import Field

from graft.errors import TrainingError
from graft.images.rows import PictureRows
from graft.model.head import Head
from graft.model.task import make_task
from graft.params import Section
from graft.seeds import derive
from graft.split.table import Dataset
from graft.train.schedule import make_schedule

CHUNK = 4096
"""Rows read at once where order does not matter."""


class TrainHead(Section):
    """How the head is fitted."""

    epochs: int = Field(default=40, ge=1)
    batch_size: int = Field(default=256, ge=1)
    l2: list[float] = Field(default=[0.03, 0.1, 0.3], min_length=1)
    """Penalties to try; the loss is cross-entropy + l2 / 2 * |weights|^2, and valid's log loss decides.

    With several labels a picture it is binary cross-entropy, summed over the classes: every class
    is then a logistic regression of its own under the same penalty.
    """


@dataclass(frozen=True, slots=True)
class HeadEpoch:
    """One pass over the training pictures; log losses in nats an answer, one value a penalty.

    `valid_right` is the share of valid's pictures whose answer is wholly right.
    """

    epoch: int
    learning_rate: float
    train_loss: list[float]
    valid_loss: list[float]
    valid_right: list[float]

    def metrics(self, penalties: list[float]) -> dict[str, float]:
        """Curves to draw, by name."""
        curves = {"learning_rate": self.learning_rate}
        for place, l2 in enumerate(penalties):
            curves[f"train/loss_l2_{l2:g}"] = self.train_loss[place]
            curves[f"valid/loss_l2_{l2:g}"] = self.valid_loss[place]
        return curves


class HeadFit:
    """Fits heads for several penalties side by side.

    Args:
        features: stored features of all pictures.
        dataset: which of them are train and valid, and their targets.
        learning_rate: peak of the 1cycle.
        seed: root of the draws of order.
    """

    def __init__(
        self, features: PictureRows, dataset: Dataset, knobs: TrainHead, learning_rate: float, seed: int
    ) -> None:
        self.features, self.knobs, self.learning_rate, self.seed = features, knobs, learning_rate, seed
        self.train, self.valid = (features.find(dataset.paths(name)) for name in ("train", "valid"))
        self.task = make_task(dataset.classes, dataset.multi_label)
        train, valid = dataset.targets("train"), dataset.targets("valid")
        self.targets = np.zeros((len(features.paths), *train.shape[1:]), dtype=train.dtype)
        self.targets[self.train], self.targets[self.valid] = train, valid
        self.mean, self.scale = moments(features, self.train)
        shape = len(knobs.l2), features.array.shape[1], len(dataset.classes)
        self.weight = torch.zeros(shape, requires_grad=True)
        prior = torch.from_numpy(self.task.prior(train))
        self.bias = prior.repeat(shape[0], 1, 1).requires_grad_()
        self.losses: list[float] = []

    def run(self) -> Iterator[HeadEpoch]:
        """Fit, yielding after each epoch.

        Raises:
            TrainingError: the loss is no longer finite.
        """
        knobs = self.knobs
        l2 = torch.tensor(knobs.l2)
        optimizer = torch.optim.Adam([self.weight, self.bias], lr=self.learning_rate)
        batches = -(-len(self.train) // knobs.batch_size)
        schedule = make_schedule(optimizer, "one_cycle", knobs.epochs * batches)
        for epoch in range(1, knobs.epochs + 1):
            order = np.random.default_rng(derive(self.seed, "head", "order", epoch)).permutation(self.train)
            total = torch.zeros(len(knobs.l2))
            for rows in np.array_split(order, batches):
                losses = self._losses(rows)
                penalty = l2 / 2 * self.weight.square().sum((1, 2))
                optimizer.zero_grad()
                (losses + penalty).sum().backward()
                optimizer.step()
                rate = schedule.get_last_lr()[0]
                schedule.step()
                total += losses.detach() * len(rows)
            if not bool(torch.isfinite(total).all()):
                raise TrainingError(
                    f"the head's loss is {total.tolist()} in epoch {epoch} at rate {rate:g}; try a lower lr"
                )
            self.losses, right = self._valid()
            loss = total / (len(order) * self.task.answers)
            yield HeadEpoch(epoch, float(rate), loss.tolist(), self.losses, right)

    def best(self) -> tuple[Head, int]:
        """Return the head whose log loss on valid is lowest, and which penalty it has."""
        choice = int(np.argmin(self.losses))
        head = Head(self.weight.shape[1], self.weight.shape[2])
        head.mean, head.scale = self.mean, self.scale
        with torch.no_grad():
            head.linear.weight.copy_(self.weight[choice].T)
            head.linear.bias.copy_(self.bias[choice, 0])
        return head, choice

    def _logits(self, rows: NDArray[np.int64]) -> torch.Tensor:
        """Logits `[P, B, K]` of some rows under every penalty."""
        features = (torch.from_numpy(self.features.read(rows)) - self.mean) / self.scale
        return features @ self.weight + self.bias

    def _losses(self, rows: NDArray[np.int64]) -> torch.Tensor:
        targets = torch.from_numpy(self.targets[rows])
        return torch.stack([self.task.losses(logits, targets).mean() for logits in self._logits(rows)])

    @torch.inference_mode()
    def _valid(self) -> tuple[list[float], list[float]]:
        """Log loss on valid and the share that is right, one value a penalty."""
        loss = torch.zeros(len(self.knobs.l2))
        right = torch.zeros(len(self.knobs.l2))
        for rows in _chunks(self.valid):
            logits = self._logits(rows)
            targets = torch.from_numpy(self.targets[rows])
            targets = targets.expand(len(logits), *targets.shape)
            loss += self.task.losses(logits, targets).sum(1)
            right += self.task.right(logits, targets).sum(1)
        count = len(self.valid)
        return (loss / (count * self.task.answers)).tolist(), (right / count).tolist()


def moments(features: PictureRows, rows: NDArray[np.int64]) -> tuple[torch.Tensor, torch.Tensor]:
    """Mean and standard deviation of each feature over some rows, both `[D]`, float32.

    A feature that never varies gets the deviation 1: it then stays 0 and says nothing.
    """
    total = np.zeros(features.array.shape[1])
    squares = np.zeros_like(total)
    for part in _chunks(rows):
        total += features.read(part).sum(0, dtype=np.float64)
    mean = total / len(rows)
    for part in _chunks(rows):
        squares += np.square(features.read(part) - mean).sum(0)
    scale = np.sqrt(squares / len(rows))
    scale[scale < 1e-6] = 1
    return torch.from_numpy(mean).float(), torch.from_numpy(scale).float()


def _chunks(rows: NDArray[np.int64]) -> Iterator[NDArray[np.int64]]:
    for start, stop in pairwise([*range(0, len(rows), CHUNK), len(rows)]):
        yield rows[start:stop]
