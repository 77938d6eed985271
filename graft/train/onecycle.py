"""Train heads in small batches under the 1cycle.

The features do not change, so an epoch is a pass over rows of numbers, and all candidates are
trained in the same pass.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch

from graft.errors import TrainingError
from graft.model.task import Task
from graft.seeds import derive
from graft.train.candidates import Candidates
from graft.train.examples import Examples
from graft.train.order import parts_of
from graft.train.schedule import make_schedule

FEWEST = 2
"""Examples a batch: a batch norm needs two."""


@dataclass(frozen=True, slots=True)
class HeadEpoch:
    """One pass over the examples; log losses in nats an answer, one value a candidate.

    `valid_right` is the share of valid's pictures whose answer is wholly right.
    """

    learning_rate: float
    train_loss: list[float]
    valid_loss: list[float]
    valid_right: list[float]

    def metrics(self, names: list[str], hits: str) -> dict[str, float]:
        """Curves to draw, by name.

        Args:
            names: of the candidates, as they end the names of the curves.
            hits: what the share that is right is called.
        """
        curves = {"learning_rate": self.learning_rate}
        for place, name in enumerate(names):
            curves[f"train/loss{name}"] = self.train_loss[place]
            curves[f"valid/loss{name}"] = self.valid_loss[place]
            curves[f"valid/{hits}{name}"] = self.valid_right[place]
        return curves


def train_epochs(
    candidates: Candidates,
    task: Task,
    train: Examples,
    valid: Examples,
    epochs: int,
    batch_size: int,
    learning_rate: float,
    seed: int,
) -> Iterator[HeadEpoch]:
    """Train all candidates, yielding after each epoch.

    Args:
        learning_rate: peak of the 1cycle.
        seed: root of the draws of order and dropout.

    Raises:
        TrainingError: a loss is no longer finite.
    """
    # without decay: the penalty is part of the loss
    optimizer = torch.optim.AdamW(candidates.parameters, lr=learning_rate, weight_decay=0.0)
    batches = parts_of(len(train), batch_size, FEWEST)
    schedule = make_schedule(optimizer, "one_cycle", epochs * batches)
    for epoch in range(1, epochs + 1):
        order = np.random.default_rng(derive(seed, "head", "order", epoch)).permutation(len(train))
        torch.manual_seed(derive(seed, "head", "dropout", epoch))
        total = torch.zeros(len(candidates.names))
        for places in np.array_split(order, batches):
            features, targets = train.read(places)
            all_logits = candidates.logits(features, training=True)
            losses = torch.stack([task.losses(logits, targets).mean() for logits in all_logits])
            optimizer.zero_grad()
            (losses + candidates.penalties()).sum().backward()
            optimizer.step()
            rate = float(schedule.get_last_lr()[0])
            schedule.step()
            total += losses.detach() * len(places)
        if not bool(torch.isfinite(total).all()):
            raise TrainingError(
                f"the head's loss is {total.tolist()} in epoch {epoch} at rate {rate:g}; try a lower lr"
            )
        loss = total / (len(order) * task.answers)
        valid_loss, right = _judge(candidates, task, valid)
        candidates.judged(epoch, valid_loss)
        yield HeadEpoch(rate, loss.tolist(), valid_loss, right)


@torch.inference_mode()
def _judge(candidates: Candidates, task: Task, valid: Examples) -> tuple[list[float], list[float]]:
    """Log loss on valid and the share that is right, one value a candidate."""
    loss = torch.zeros(len(candidates.names))
    right = torch.zeros(len(candidates.names))
    for features, targets in valid.chunks():
        logits = candidates.logits(features, training=False)
        repeated = targets.expand(len(logits), *targets.shape)
        loss += task.losses(logits, repeated).sum(1)
        right += task.right(logits, repeated).sum(1)
    return (loss / (len(valid) * task.answers)).tolist(), (right / len(valid)).tolist()
