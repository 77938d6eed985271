"""Train the whole network: the loop, and what it takes to go on after a crash.

An epoch is a function of its number: order, augmentation and learning rates are derived from it,
never from what ran before. With weights, moments and averages restored from a checkpoint, epoch 7
after a crash is bit for bit epoch 7 without one.
"""

import copy
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch.optim.lr_scheduler import LRScheduler

from graft.augment.config import Augment
from graft.core.errors import TrainingError
from graft.core.progress import bar
from graft.core.seeds import derive
from graft.data.dataset import LabelledImages
from graft.finetune.adapters import adapt, merge
from graft.finetune.checkpoint import load_checkpoint, optimizer_tensors, restore_optimizer, save_checkpoint
from graft.finetune.config import Finetune
from graft.finetune.ensemble import ensemble
from graft.finetune.parameter_groups import unfreeze_epochs
from graft.finetune.step import MovingAverage, Step, is_out_of_memory, largest_fit
from graft.finetune.validate import Score
from graft.network.device import lacks_determinism
from graft.network.distributed import broadcast, devices, rank, total
from graft.network.feed import feed, read_rows
from graft.network.head import Description
from graft.network.network import Network
from graft.optim.batches import epoch_order, in_batches, steps_of
from graft.optim.schedule import make_schedule
from graft.tasks import Task

CHECK_EVERY = 16
"""Batches between two looks at the loss: on a GPU each look waits for all that is under way."""


@dataclass(frozen=True, slots=True)
class Epoch:
    """One pass over the training images; losses are negative log likelihoods in nats a term.

    That of train is without smoothing, focus or weights, so that it can be laid beside valid's.
    `valid` holds the metrics of the averaged weights; learning rates are those of the last step.
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

    def row(self) -> dict[str, float]:
        """A row of epochs.csv."""
        scored = {"valid_loss": self.valid_loss} | self.valid if self.valid else {}
        return {"epoch": self.epoch, "train_loss": self.train_loss} | scored

    def curves(self) -> dict[str, float]:
        """A point of every curve, by name."""
        rates = {f"learning_rate/{name}": rate for name, rate in self.learning_rates.items()}
        losses = {"train/loss": self.train_loss, "valid/loss": self.valid_loss}
        return losses | {f"valid/{name}": value for name, value in self.valid.items()} | rates


class Training:
    """The whole network in training, with an exponential moving average of its weights beside it.

    Args:
        network: with a head; what stays frozen must not require gradients, what joins in later must.
        task: gives the loss.
        train: what to train on.
        validate: scores the averaged weights after every epoch.
        learning_rate: the base rate; the head's peaks at half of it.
        seed: root of all draws.

    Attributes:
        completed: epochs behind it.
        speed: of the last epoch, to be logged where the clock may be: seconds, images a second, and the share of
            the time that was spent waiting for images.
        watch: as `finish` was given it.
    """

    def __init__(
        self,
        network: Network,
        task: Task,
        train: LabelledImages,
        validate: Callable[[Network], Score],
        config: Finetune,
        augmentation: Augment,
        learning_rate: float,
        seed: int,
    ) -> None:
        self.task, self.train, self.validate = task, train, validate
        self.config, self.seed = config, seed
        self.begun = copy.deepcopy(network) if config.ensemble else None
        adapt(network, config, seed)
        self.unfreeze_epochs = unfreeze_epochs(network, config.unfreeze)
        self.step = Step(network, task, train.targets, config, augmentation, learning_rate)
        self.network, self.average = self.step.network, MovingAverage(network, config.ema_decay)
        self.completed, self.speed = 0, dict[str, float]()
        self.watch: Callable[[dict[str, float], int], None] | None = None

    def finish(
        self,
        checkpoint: Path,
        log: Callable[..., None],
        lines: Callable[..., Iterable[str]],
        watch: Callable[[dict[str, float], int], None] | None = None,
    ) -> list[Epoch]:
        """Train to the end, from where a checkpoint goes on if there is one, and write it after every epoch.

        Args:
            log: takes lines to be told.
            lines: makes them of an epoch's row, with a heading before the first.
            watch: is shown values by name and the steps behind them, while it trains; nothing depends on it.
        """
        self.watch = watch
        history = self.resume(checkpoint, log)
        for epoch in self.epochs():
            history.append(epoch)
            self.save(checkpoint, history)
            if self.watch:
                self.watch(epoch.curves(), self.average.updates)
            log(*lines(epoch.row() | self.speed, heading=len(history) == 1))
        return history

    def epochs(self) -> Iterator[Epoch]:
        """Train from the first epoch that is not completed to the last, yielding after each.

        Raises:
            TrainingError: a loss or gradient is no longer finite, or a batch does not fit into memory.
        """
        config = self.config
        steps = steps_of(len(self.train), config.batch_size, config.accumulate, config.min_batch_size)
        schedule = make_schedule(
            self.step.optimizer,
            config.schedule,
            config.epochs * steps,
            warmup_fraction=config.warmup_fraction,
            every=config.decay_epochs * steps,
            gamma=config.decay,
            completed=self.completed * steps,
        )
        while self.completed < config.epochs:
            epoch = self.completed + 1
            size = config.size_at(epoch, self.network.size)
            trained = None
            try:
                trained = self.train_epoch(epoch, size, schedule)
            except RuntimeError as error:
                if lacks_determinism(error):
                    raise TrainingError(
                        f"this backbone trains with an operation that gives other bits on every run on "
                        f"{self.step.device} ({str(error).split()[0]}): choose another backbone, freeze what comes "
                        "before it, or train on a CPU (CUDA_VISIBLE_DEVICES='')"
                    ) from error
                if not is_out_of_memory(error):
                    raise
            if trained is None:  # the error is gone by now, and with it all that it held on to
                raise TrainingError(self._too_large(size))
            loss, rates = trained
            score = self.validate(self.averaged())
            self.completed = epoch
            yield Epoch(epoch, size, loss, -score.log_likelihood, score.metrics, rates)

    def train_epoch(self, epoch: int, size: int, schedule: LRScheduler) -> tuple[float, dict[str, float]]:
        """Train on every image once; return the mean loss of a term, and the last step's learning rates."""
        config, step = self.config, self.step
        began, waited = time.perf_counter(), 0.0
        # what trains in this epoch, and in which mode
        for parameter, first in self.unfreeze_epochs.items():
            parameter.requires_grad_(epoch >= first)
        step.train_mode()
        # the epoch's draws: the order of the images, in batches; what dropout hides
        weights = self.task.sampling_weights(self.train.targets) if config.sampling == "balanced" else None
        order = epoch_order(len(self.train), self.seed, epoch, weights)  # [N]
        batches = in_batches(order, config.batch_size, config.accumulate, config.min_batch_size)
        torch.manual_seed(derive(self.seed, "dropout", epoch))
        losses: list[torch.Tensor] = []  # one a batch, on the device, as brought down
        plain: list[torch.Tensor] = []  # the same without what shapes the loss
        norms: list[torch.Tensor] = []  # one a step, on the device
        parts = [step.part_of(len(batch.indices)) for batch in batches]
        own = [batch.indices[part.seen] if part else batch.indices for batch, part in zip(batches, parts, strict=True)]
        items = feed(self._read, own, step.device)
        with bar(f"finetune {epoch}/{config.epochs}", len(order)) as progress:
            for number, batch in enumerate(batches):
                # wait for the pixels
                asked = time.perf_counter()
                pixels, targets = next(items)  # [B, S, S, 3] uint8; [B] int64 or [B, K] float32
                waited += time.perf_counter() - asked
                # augment, forward, backward
                draws = derive(self.seed, "augment", epoch, number)
                aspects = self.train.squeezed(batch.indices)
                of = (batch.step_images, aspects, parts[number], batch.ends_step)
                shaped_and_plain = step.backward(pixels, targets, size, draws, *of)  # [2]
                losses.append(shaped_and_plain[0])
                plain.append(shaped_and_plain[1])
                rates = step.learning_rates()
                # move the weights, their average and the learning rates
                if batch.ends_step:
                    norms.append(step.update())
                    self.average.update()
                    schedule.step()
                # look at the numbers now and then
                if number % CHECK_EVERY == 0 or number + 1 == len(batches):
                    self._check_finite("loss", losses, f"epoch {epoch}, batch", rates)
                    if not step.scaler.is_enabled():
                        self._check_finite("norm of the gradients", norms, f"epoch {epoch}, step", rates)
                    if self.watch:
                        self.watch({"step/loss": losses[-1].item()}, self.average.updates)
                progress.update(len(batch.indices))
        items.close()
        seconds = time.perf_counter() - began
        self.speed = {"seconds": seconds, "images/s": len(order) / seconds, "waiting": waited / seconds}
        return float(total(torch.stack(plain).sum())) / (len(order) * self.task.loss_terms), rates

    def _read(self, positions: NDArray[np.int64]) -> tuple[torch.Tensor, torch.Tensor]:
        """Pixels `[B, S, S, 3]` uint8 and targets, `[B]` int64 or `[B, K]` float32, of some training images."""
        targets = torch.from_numpy(self.train.targets[positions])
        pixels = read_rows(self.train.pixels, self.train.rows[positions], self.step.device)
        return pixels, targets.pin_memory() if self.step.device.type == "cuda" else targets

    def _check_finite(self, name: str, values: list[torch.Tensor], where: str, rates: dict[str, float]) -> None:
        """Raise a TrainingError if a value added since the last look, one a batch at most, is not finite."""
        recent = values[-CHECK_EVERY:]
        if recent and not bool((finite := torch.isfinite(torch.stack(recent))).all()):
            first = len(values) - len(recent) + int(finite.int().argmin())
            at = ", ".join(f"{group} {rate:.2g}" for group, rate in rates.items())
            raise TrainingError(
                f"the {name} is {values[first].item()} in {where} {first + 1}, at learning rates {at}; try a lower lr, "
                f"a lower finetune.grad_clip_norm than {self.config.grad_clip_norm:g}, or finetune.precision fp32"
            )

    def _too_large(self, size: int) -> str:
        """Say which batch would fit into memory, found by trying."""
        batch, side, minimum = self.config.batch_size, self.train.pixels.shape[1], self.config.min_batch_size
        fits = largest_fit(lambda count: self.step.try_batch(count, side, size, self.train.targets), batch, minimum)
        message = f"finetune.batch_size {batch} at {size} x {size} does not fit into the memory of {self.step.device}"
        if not fits:
            least = "a single image" if minimum == 1 else f"one of {minimum}"
            return f"{message}, nor does {least}; freeze more layers, or choose a smaller size or backbone"
        step = batch * self.config.accumulate
        same = next((count for count in range(fits, minimum - 1, -1) if step % count == 0), None)
        if same is None:
            return f"{message}; {fits} does"
        return f"{message}; {same} does: with finetune.accumulate {step // same} the steps stay as they are"

    def averaged(self) -> Network:
        """The network with the moving average of its weights, in evaluation mode."""
        return self.average.network()

    def result(self, description: Description) -> tuple[Network, Description]:
        """The averaged network to be handed on, with nothing left of how it was trained: the training is over.

        Args:
            description: of the network in training, and of what comes out; `finetune.ensemble` makes it another one.
        """
        trained = merge(self.averaged())
        return ensemble(self.begun, trained, description) if self.begun else (trained, description)

    def save(self, file: Path, history: list[Epoch]) -> None:
        """Write a checkpoint after an epoch; of several processes the first does."""
        if rank():
            return
        tensors = {f"network.{name}": tensor for name, tensor in self.network.state_dict().items()}
        tensors |= {f"average.{name}": tensor for name, tensor in self.averaged().state_dict().items()}
        tensors |= {f"optimizer.{name}": tensor for name, tensor in optimizer_tensors(self.step.optimizer).items()}
        state = {"completed": self.completed, "averaged": self.average.updates, "scaler": self.step.scaler.state_dict()}
        state |= {"processes": devices(), "history": [asdict(epoch) for epoch in history]}
        save_checkpoint(file, tensors, state)

    def resume(self, file: Path, log: Callable[[str], object] = lambda _: None) -> list[Epoch]:
        """Go on from a checkpoint if there is one, of any number of processes; return the epochs it had completed.

        Args:
            log: is told where it goes on, and whether on other devices, which round otherwise.

        Raises:
            TrainingError: not every process finds the one that the first does.
        """
        checkpoint = load_checkpoint(file)
        history = self._restore(*checkpoint) if checkpoint else []
        if broadcast(self.completed) != self.completed:
            raise TrainingError(
                f"{file}: process {rank()} finds {self.completed} epochs there, and process 0 another number: "
                "all processes must see the same folder"
            )
        if checkpoint:
            before = checkpoint[1]["processes"]
            others = "" if before == devices() else f", computed on {before}: what follows is the same up to rounding"
            log(f"goes on after epoch {self.completed}{others}")
        return history

    def _restore(self, tensors: dict[str, torch.Tensor], state: dict[str, Any]) -> list[Epoch]:
        parts: dict[str, dict[str, torch.Tensor]] = {"network": {}, "average": {}, "optimizer": {}}
        for name, tensor in tensors.items():
            part, _, inner = name.partition(".")
            parts[part][inner] = tensor
        self.network.load_state_dict(parts["network"])
        self.average.module.load_state_dict(parts["average"])
        self.average.updates = state["averaged"]
        restore_optimizer(self.step.optimizer, parts["optimizer"])
        self.step.scaler.load_state_dict(state["scaler"])
        self.completed = state["completed"]
        return [Epoch(**epoch) for epoch in state["history"]]
