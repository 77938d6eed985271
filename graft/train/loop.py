"""Train the whole network: the loop, and what it takes to go on after a crash.

An epoch is a function of its number: order, augmentation and learning rates are derived from it,
never from what ran before. With weights, moments and averages restored from a checkpoint, epoch 7
after a crash is bit for bit epoch 7 without one.
"""

import math
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path

import numpy as np
import torch
from torch import nn
from torch.optim.lr_scheduler import OneCycleLR
from torch.optim.swa_utils import AveragedModel

from graft.errors import TrainingError
from graft.images.augment import Augment, augment
from graft.images.pictures import Pictures
from graft.model.device import autocast, pick_device
from graft.model.network import Network
from graft.model.task import Task
from graft.progress import bar
from graft.seeds import derive
from graft.train.checkpoint import load_checkpoint, optimizer_tensors, restore_optimizer, save_checkpoint
from graft.train.finetune import Finetune
from graft.train.groups import parameter_groups
from graft.train.schedule import one_cycle
from graft.train.valid import Score


@dataclass(frozen=True, slots=True)
class Epoch:
    """One pass over the training pictures; losses in nats an answer, those of train with label smoothing.

    Valid is judged by the averaged weights, `valid` holds the figures of its score; learning rates
    are those of the last step.
    """

    epoch: int
    size: int
    train_loss: float
    valid_loss: float
    valid: dict[str, float]
    learning_rates: dict[str, float]

    @property
    def score(self) -> Score:
        """The averaged weights' score on valid."""
        return Score(self.valid, -self.valid_loss)

    def metrics(self) -> dict[str, float]:
        """Curves to draw, by name."""
        rates = {f"learning_rate/{name}": rate for name, rate in self.learning_rates.items()}
        losses = {"train/loss": self.train_loss, "valid/loss": self.valid_loss}
        return losses | {f"valid/{name}": figure for name, figure in self.valid.items()} | rates


class Training:
    """The whole network in training, with an exponential moving average of its weights beside it.

    Args:
        network: with a head; what is frozen must not require gradients.
        task: gives the loss.
        train: what to train on.
        judge: scores the averaged weights after every epoch.
        learning_rate: the base rate; the head's 1cycle peaks at half of it.
        seed: root of all draws.
    """

    def __init__(
        self,
        network: Network,
        task: Task,
        train: Pictures,
        judge: Callable[[Network], Score],
        knobs: Finetune,
        views: Augment,
        learning_rate: float,
        seed: int,
    ) -> None:
        self.device = pick_device()
        self.network = network.to(self.device, memory_format=torch.channels_last)  # type: ignore[call-overload]
        self.task, self.train, self.judge = task, train, judge
        self.knobs, self.views, self.seed = knobs, views, seed
        self.average = AveragedModel(network, multi_avg_fn=partial(_average, decay=knobs.ema))
        groups = parameter_groups(network, learning_rate / 2, knobs.lr_ratio, knobs.weight_decay)
        self.peaks = [group["lr"] for group in groups]
        self.optimizer = torch.optim.AdamW(groups)
        self.batches = -(-len(train) // knobs.batch_size)
        self.done = 0

    def epochs(self) -> Iterator[Epoch]:
        """Train from the first epoch that is not done to the last, yielding after each.

        Raises:
            TrainingError: the loss is no longer finite.
        """
        taken = self.done * self.batches
        schedule = one_cycle(self.optimizer, self.peaks, self.knobs.epochs * self.batches, taken)
        while self.done < self.knobs.epochs:
            epoch = self.done + 1
            size = self.knobs.size_at(epoch)
            loss = self._pass(epoch, size, schedule)
            rates = {group["name"]: group["lr"] for group in self.optimizer.param_groups}
            if not math.isfinite(loss):
                raise TrainingError(f"the loss is {loss} in epoch {epoch}, learning rates {rates}; try a lower lr")
            judged = self.judge(self.averaged())
            self.done = epoch
            yield Epoch(epoch, size, loss, -judged.log_likelihood, judged.figures, rates)

    def _pass(self, epoch: int, size: int, schedule: OneCycleLR) -> float:
        """Train on every picture once; return the mean loss of an answer."""
        order = np.random.default_rng(derive(self.seed, "order", epoch)).permutation(len(self.train))
        total = torch.zeros((), device=self.device)
        self._train_mode()
        torch.manual_seed(derive(self.seed, "dropout", epoch))
        with bar(f"finetune {epoch}/{self.knobs.epochs}", len(order)) as progress:
            for number, places in enumerate(np.array_split(order, self.batches)):
                # draw the pictures' views
                pixels, targets = self.train.batch(places, self.device)
                views = augment(pixels, self.views, size, derive(self.seed, "augment", epoch, number))
                # forward, backward
                with autocast(self.device, self.knobs.precision):
                    logits = self.network(views)
                loss = self.task.loss(logits.float(), targets, self.knobs.label_smoothing)
                self.optimizer.zero_grad()
                loss.backward()
                # step the weights, their average, the schedule
                nn.utils.clip_grad_norm_(self.network.parameters(), self.knobs.clip)
                self.optimizer.step()
                self.average.update_parameters(self.network)
                schedule.step()
                total += loss.detach() * len(places)
                progress.update(len(places))
        return float(total) / (len(order) * self.task.answers)

    def averaged(self) -> Network:
        """The network with the moving average of its weights, in evaluation mode."""
        network = self.average.module.eval()
        assert isinstance(network, Network)
        return network

    def save(self, file: Path, history: list[Epoch]) -> None:
        """Write a checkpoint after an epoch."""
        tensors = {f"network.{name}": tensor for name, tensor in self.network.state_dict().items()}
        tensors |= {f"average.{name}": tensor for name, tensor in self.average.state_dict().items()}
        tensors |= {f"optimizer.{name}": tensor for name, tensor in optimizer_tensors(self.optimizer).items()}
        save_checkpoint(file, tensors, {"done": self.done, "history": [asdict(epoch) for epoch in history]})

    def resume(self, file: Path) -> list[Epoch]:
        """Go on from a checkpoint if there is one; return the epochs it had done."""
        found = load_checkpoint(file)
        if found is None:
            return []
        tensors, facts = found
        parts: dict[str, dict[str, torch.Tensor]] = {"network": {}, "average": {}, "optimizer": {}}
        for name, tensor in tensors.items():
            part, _, inner = name.partition(".")
            parts[part][inner] = tensor
        self.network.load_state_dict(parts["network"])
        self.average.load_state_dict(parts["average"])
        restore_optimizer(self.optimizer, parts["optimizer"])
        self.done = facts["done"]
        return [Epoch(**epoch) for epoch in facts["history"]]

    def _train_mode(self) -> None:
        """Dropout and the like on; statistics of batch norms that could not be folded stay frozen."""
        self.network.train()
        for module in self.network.modules():
            if isinstance(module, nn.modules.batchnorm._BatchNorm):
                module.eval()


@torch.no_grad()
def _average(averaged: list[torch.Tensor], current: list[torch.Tensor], steps: torch.Tensor, decay: float) -> None:
    """Move averaged weights towards the current ones; early on faster, so that little of the start stays.

    Source: the warm-up of TensorFlow's ExponentialMovingAverage(num_updates=...).
    """
    taken = int(steps)
    torch._foreach_lerp_(averaged, current, 1 - min(decay, (1 + taken) / (10 + taken)))
