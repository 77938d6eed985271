"""Train the whole network: the loop, and what it takes to go on after a crash.

An epoch is a function of its number: order, augmentation and learning rates are derived from it,
never from what ran before. With weights, moments and averages restored from a checkpoint, epoch 7
after a crash is bit for bit epoch 7 without one.
"""

import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Generic, TypeVar

import torch
from torch.optim.lr_scheduler import LRScheduler

from graft.augment.config import Augment
from graft.core.errors import TrainingError
from graft.core.progress import bar
from graft.core.seeds import derive
from graft.data.dataset import LabelledImages
from graft.finetune.checkpoint import (
    load_checkpoint,
    optimizer_tensors,
    restore_optimizer,
    save_checkpoint,
)
from graft.finetune.config import Finetune
from graft.finetune.kept import KeptViews
from graft.finetune.parameter_groups import thawing
from graft.finetune.step import Step, averaged, is_out_of_memory, largest_fit
from graft.finetune.validate import Score
from graft.network.network import Network
from graft.optim.batches import Batch, epoch_order, in_batches, steps_of
from graft.optim.schedule import make_schedule
from graft.tasks import Task


@dataclass(frozen=True, slots=True)
class Epoch:
    """One pass over the training pictures; losses in nats an answer, that of train as it was brought down.

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


Place = TypeVar("Place")
Item = TypeVar("Item")


class Ahead(Generic[Place, Item]):
    """The items at some places, in order, each read in a thread while the one before is in use.

    Args:
        read: gives the item at a place. On a CPU it should not compute with torch: a second thread
            that does keeps a team of threads of its own, which gets in the way of the first's.
        places: which, at least one.

    Attributes:
        waited: seconds that whoever iterates had to wait for `read`, so far.
    """

    def __init__(self, read: Callable[[Place], Item], places: Sequence[Place]) -> None:
        self._read, self._places = read, places
        self.waited = 0.0

    def __iter__(self) -> Iterator[Item]:
        with ThreadPoolExecutor(1) as thread:
            coming = thread.submit(self._read, self._places[0])
            for place in self._places[1:]:
                item = self._wait_for(coming)
                coming = thread.submit(self._read, place)
                yield item
            yield self._wait_for(coming)

    def _wait_for(self, coming: Future[Item]) -> Item:
        began = time.perf_counter()
        item = coming.result()
        self.waited += time.perf_counter() - began
        return item


CHECK_EVERY = 16
"""Batches between two looks at the loss: on a GPU each look waits for all that is under way."""


class Training:
    """The whole network in training, with an exponential moving average of its weights beside it.

    Args:
        network: with a head; what stays frozen must not require gradients, what thaws later must.
        task: gives the loss.
        train: what to train on.
        judge: scores the averaged weights after every epoch.
        learning_rate: the base rate; the head's peaks at half of it.
        seed: root of all draws.
        folder: for views that are kept, where a run before a crash may have left some.

    Attributes:
        done: epochs behind it.
        speed: of the last epoch, to be logged where the clock may be.
    """

    def __init__(
        self,
        network: Network,
        task: Task,
        train: LabelledImages,
        judge: Callable[[Network], Score],
        config: Finetune,
        views: Augment,
        learning_rate: float,
        seed: int,
        folder: Path,
    ) -> None:
        self.task, self.train, self.judge = task, train, judge
        self.config, self.seed = config, seed
        self.thaws = thawing(network, config.unfreeze)
        self.step = Step(network, task, train.targets, config, views, learning_rate)
        self.network, self.average = self.step.network, averaged(network, config.ema)
        self.kept = KeptViews(self.step, train, config.views, seed, folder) if config.views and config.epochs else None
        self.done, self.speed = 0, ""

    def epochs(self) -> Iterator[Epoch]:
        """Train from the first epoch that is not done to the last, yielding after each.

        Raises:
            TrainingError: a loss or gradient is no longer finite, or a batch does not fit into memory.
        """
        config = self.config
        if self.kept and self.done < config.epochs:
            self.kept.fill()
        steps = steps_of(len(self.train), config.batch_size, config.accumulate, config.fewest)
        schedule = make_schedule(
            self.step.optimizer,
            config.schedule,
            config.epochs * steps,
            warm_up=config.warm_up,
            every=config.decay_epochs * steps,
            gamma=config.decay,
            done=self.done * steps,
        )
        while self.done < config.epochs:
            epoch = self.done + 1
            size = config.size_at(epoch, self.network.view)
            passed = self._pass(epoch, size, schedule)
            if passed is None:
                raise TrainingError(self._too_large(size))
            loss, rates = passed
            judged = self.judge(self.averaged())
            self.done = epoch
            yield Epoch(epoch, size, loss, -judged.log_likelihood, judged.figures, rates)

    def _pass(self, epoch: int, size: int, schedule: LRScheduler) -> tuple[float, dict[str, float]] | None:
        """Train on every picture once; return what `_batches` does, None where memory ran out."""
        try:
            return self._batches(epoch, size, schedule)
        except RuntimeError as error:
            if not is_out_of_memory(error):
                raise
        return None  # the error is gone by now, and with it all that it held on to

    def _batches(self, epoch: int, size: int, schedule: LRScheduler) -> tuple[float, dict[str, float]]:
        """Train on every picture once; return the mean loss of an answer, and the last step's learning rates."""
        config = self.config
        for parameter, first in self.thaws.items():
            parameter.requires_grad_(epoch >= first)
        chances = self.task.sampling_weights(self.train.targets) if config.sampling == "balanced" else None
        order = epoch_order(len(self.train), self.seed, epoch, chances)
        batches = in_batches(order, config.batch_size, config.accumulate, config.fewest)
        ahead: Ahead[Batch, tuple[torch.Tensor, torch.Tensor]] = Ahead(partial(self._read, epoch), batches)
        losses: list[torch.Tensor] = []
        norms: list[torch.Tensor] = []
        self.step.train_mode()
        torch.manual_seed(derive(self.seed, "dropout", epoch))
        began = time.perf_counter()
        with bar(f"finetune {epoch}/{config.epochs}", len(order)) as progress:
            for number, (batch, (pixels, targets)) in enumerate(zip(batches, ahead, strict=True)):
                if self.kept:
                    loss = self.step.backward_from(self.kept.cut, pixels, targets, batch.of)
                else:
                    draws = derive(self.seed, "augment", epoch, number)
                    aspects = self.train.squeezed(batch.places)
                    loss = self.step.backward(pixels, targets, size, draws, batch.of, aspects)
                losses.append(loss)
                rates = self.step.rates()
                if batch.last:
                    norms.append(self.step.update())
                    self.average.update_parameters(self.network)
                    schedule.step()
                if number % CHECK_EVERY == 0 or number + 1 == len(batches):
                    self._check("loss", losses, f"epoch {epoch}, batch", rates)
                    if not self.step.scaler.is_enabled():
                        self._check("norm of the gradients", norms, f"epoch {epoch}, step", rates)
                progress.update(len(pixels))
        seconds = time.perf_counter() - began
        self.speed = f"{len(order) / seconds:.1f} pictures/s, {ahead.waited / seconds:.1%} of the time waiting for them"
        return float(torch.stack(losses).sum()) / (len(order) * self.task.loss_terms), rates

    def _read(self, epoch: int, batch: Batch) -> tuple[torch.Tensor, torch.Tensor]:
        """Pixels, or what is kept of them, and targets."""
        if self.kept:
            return self.kept.batch(batch.places, epoch)
        return self.train.batch(batch.places, self.step.device)

    def _check(self, name: str, values: list[torch.Tensor], where: str, rates: dict[str, float]) -> None:
        """Look at what was added since the last look, a value a batch at most."""
        recent = values[-CHECK_EVERY:]
        finite = torch.isfinite(torch.stack(recent)) if recent else torch.ones(1)
        if not bool(finite.all()):
            first = len(values) - len(recent) + int(finite.int().argmin())
            told = ", ".join(f"{group} {rate:.2g}" for group, rate in rates.items())
            raise TrainingError(
                f"the {name} is {values[first].item()} in {where} {first + 1}, at learning rates {told}; "
                f"try a lower lr, a lower finetune.clip than {self.config.clip:g}, or finetune.precision fp32"
            )

    def _too_large(self, size: int) -> str:
        batch, side, fewest = self.config.batch_size, self.train.pixels.array.shape[1], self.config.fewest
        fits = largest_fit(lambda count: self.step.attempt(count, side, size, self.train.targets), batch, fewest)
        said = f"finetune.batch_size {batch} at {size} x {size} does not fit into the memory of {self.step.device}"
        if not fits:
            least = "a single picture" if fewest == 1 else f"one of {fewest}"
            return f"{said}, nor does {least}; freeze more layers, or choose a smaller size or backbone"
        step = batch * self.config.accumulate
        same = next((count for count in range(fits, fewest - 1, -1) if step % count == 0), None)
        if same is None:
            return f"{said}; {fits} does"
        return f"{said}; {same} does: with finetune.accumulate {step // same} the steps stay as they are"

    def averaged(self) -> Network:
        """The network with the moving average of its weights, in evaluation mode."""
        network = self.average.module.eval()
        assert isinstance(network, Network)
        return network

    def save(self, file: Path, history: list[Epoch]) -> None:
        """Write a checkpoint after an epoch."""
        tensors = {f"network.{name}": tensor for name, tensor in self.network.state_dict().items()}
        tensors |= {f"average.{name}": tensor for name, tensor in self.average.state_dict().items()}
        tensors |= {f"optimizer.{name}": tensor for name, tensor in optimizer_tensors(self.step.optimizer).items()}
        facts = {"done": self.done, "scaler": self.step.scaler.state_dict()}
        save_checkpoint(file, tensors, facts | {"history": [asdict(epoch) for epoch in history]})

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
        restore_optimizer(self.step.optimizer, parts["optimizer"])
        self.step.scaler.load_state_dict(facts["scaler"])
        self.done = facts["done"]
        return [Epoch(**epoch) for epoch in facts["history"]]
