"""``graft lr-find``: learning-rate range tests of the head and of the whole network.

Both train copies on minibatches of their own draws: no weights, checkpoints or random states of a run are touched.
"""

import itertools
import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
from matplotlib.figure import Figure
from numpy.typing import NDArray

from graft.augment.config import Augment
from graft.core import params, tables
from graft.core.errors import DataError, TrainingError
from graft.core.files import write_text
from graft.core.progress import bar
from graft.core.seeds import Seed, derive
from graft.data.arrays import Embeddings
from graft.data.dataset import Dataset, LabelledImages, read_dataset
from graft.data.presized import read_presized
from graft.finetune.adapters import adapt
from graft.finetune.config import Finetune
from graft.finetune.step import Step, load_trainable
from graft.heads.config import TrainHead
from graft.heads.examples import Examples
from graft.heads.minibatch import MIN_BATCH, Candidates, make_candidates
from graft.network.device import prepare
from graft.network.precision import Settled, settle
from graft.optim.batches import parts_of
from graft.render.figures import save_figure
from graft.tasks import make_task, task_of

LOW, HIGH, STEPS = 1e-7, 10.0, 100
SMOOTHING = 0.98
"""Weight of the past in the exponential moving average of the loss."""
SETTLED = 20
"""Points after which the average is steady: before, it follows single minibatches, and its falls say nothing."""


@dataclass(frozen=True, slots=True)
class RateRange:
    """Learning rates tried, `[N]`, rising geometrically, and the loss under each, smoothed too."""

    rates: NDArray[np.float64]
    losses: NDArray[np.float64]
    smoothed: NDArray[np.float64]

    @property
    def minimum(self) -> float:
        """A tenth of the rate with the lowest loss: still falling there, and well before it turns."""
        return float(self.rates[self.smoothed.argmin()]) / 10

    @property
    def steepest(self) -> float:
        """The rate at which the loss falls fastest, by the rate's logarithm, between its maximum and its minimum."""
        lowest = int(self.smoothed.argmin())
        settled = SETTLED if lowest > SETTLED else 0
        highest = settled + int(self.smoothed[settled : lowest + 1].argmax())
        slopes = np.gradient(self.smoothed, np.log(self.rates))[highest : lowest + 1]
        return float(self.rates[highest + slopes.argmin()])

    @property
    def valley(self) -> float:
        """The rate half way through the middle third of the longest descent, as fastai places it.

        The longest descent is the longest run of points, not necessarily neighbours, each lower
        than the one before.
        """
        length = np.ones(len(self.smoothed), dtype=np.int64)
        for index, loss in enumerate(self.smoothed):
            higher = length[:index][self.smoothed[:index] > loss]
            length[index] = 1 + higher.max(initial=0)
        end = int(length.argmax())
        start = max(0, end - int(length[end]))
        third = (end - start) / 3
        return float(self.rates[start + int(third) + int(third / 2)])

    def suggestions(self) -> dict[str, float]:
        """The three by name, to two digits."""
        rates = {"valley": self.valley, "steepest": self.steepest, "minimum / 10": self.minimum}
        return {name: float(f"{rate:.1e}") for name, rate in rates.items()}


def find_range(train_step: Callable[[int, float], float]) -> RateRange:
    """Sweep the learning rate from 1e-7 to 10 in a hundred steps, or until the loss explodes.

    Args:
        train_step: takes the number of the step, from 0, and a learning rate; trains on a minibatch and
            returns the loss before its update.

    Raises:
        TrainingError: the loss explodes, or is not finite, before there is a curve to read.
    """
    points: list[tuple[float, float, float]] = []
    average, lowest = 0.0, math.inf
    for number in range(STEPS):
        rate = LOW * (HIGH / LOW) ** (number / (STEPS - 1))
        loss = train_step(number, rate)
        average = SMOOTHING * average + (1 - SMOOTHING) * loss
        level = average / (1 - SMOOTHING ** (number + 1))  # else the first values would lean towards 0
        if not math.isfinite(loss) or level > 4 * lowest:
            break
        lowest = min(lowest, level)
        points.append((rate, loss, level))
    if len(points) < 10:
        raise TrainingError(
            f"the loss is {loss} at learning rate {rate:.2g}, after {len(points)} steps: there is no curve to read; "
            "look at the labels and at the images after augmentation (`graft summary`)"
        )
    return RateRange(*np.array(points).T)


PRESIZED, EMBEDDINGS = Path("data/presized"), Path("data/embeddings/features.npy")
LABELS, SPLIT = Path("data/labels.csv"), Path("data/split.csv")
BACKBONE, HEAD = Path("models/backbone"), Path("models/head")
REPORT = Path("reports/lr-find")

PLOTS = "# `graft lr-find` wrote this, so that `dvc plots show` draws its curves.\nplots:\n"
PLOT = """\
- {name}:
    title: lr-find, {name}
    template: linear
    x: lr
    x_label: lr, the base rate
    y:
      {name}.csv: smoothed
"""


def head_range(embeddings: Embeddings, dataset: Dataset, config: TrainHead, seed: int) -> RateRange:
    """Sweep the head's learning rate, from fresh weights, under the first of the penalties."""
    task, train = make_task(dataset.classes, dataset.multi_label), Examples.train(embeddings, dataset)
    candidates: Candidates = make_candidates(train, task, config.model_copy(update={"l2": config.l2[:1]}), seed)
    optimizer = torch.optim.AdamW(candidates.parameters, weight_decay=0.0)
    batches = _batches(len(train), config.batch_size, MIN_BATCH, derive(seed, "lr-find", "head"))

    def train_step(number: int, rate: float) -> float:
        features, targets = train.read(next(batches))
        loss = task.losses(candidates.logits(features, training=True)[0], targets).mean()
        optimizer.param_groups[0]["lr"] = rate
        optimizer.zero_grad()
        (loss + candidates.penalties().sum()).backward()
        optimizer.step()
        return loss.item()

    torch.manual_seed(derive(seed, "lr-find", "dropout"))
    return find_range(train_step)


def network_range(step: Step, train: LabelledImages, config: Finetune, seed: int) -> RateRange:
    """Sweep the base rate of the whole network, which `step`, made for the rate 1, trains; groups keep their ratios."""
    peaks = [group["lr"] for group in step.optimizer.param_groups]
    batches = _batches(len(train), config.batch_size, config.min_batch_size, derive(seed, "lr-find", "network"))
    size = config.size_at(1, step.network.size)

    def train_step(number: int, rate: float) -> float:
        for group, peak in zip(step.optimizer.param_groups, peaks, strict=True):
            group["lr"] = peak * rate
        rows = next(batches)
        pixels, targets = train.batch(rows, step.device)
        draws = derive(seed, "lr-find", "augment", number)
        total = step.backward(pixels, targets, size, draws, len(pixels), train.squeezed(rows))[0]
        step.update()
        progress.update()
        return float(total) / len(pixels)

    step.train_mode()
    torch.manual_seed(derive(seed, "lr-find", "dropout"))
    with bar("lr-find", STEPS) as progress:
        return find_range(train_step)


def _batches(count: int, size: int, minimum: int, seed: int) -> Iterator[NDArray[np.int64]]:
    """Rows of images in minibatches, without end: shuffled anew in every epoch."""
    for epoch in itertools.count():
        order = np.random.default_rng(derive(seed, epoch)).permutation(count)
        yield from np.array_split(order, parts_of(count, size, minimum))


def save_range(folder: Path, name: str, found: RateRange) -> None:
    """Write the curve as CSV and PNG, and a dvc.yaml that draws it."""
    curve = pd.DataFrame({"lr": found.rates, "loss": found.losses, "smoothed": found.smoothed})
    tables.write(folder / f"{name}.csv", curve)
    figure = Figure(figsize=(6, 4), layout="constrained")
    axes = figure.subplots()
    axes.plot(found.rates, found.losses, color="#4a7ab5", alpha=0.25, linewidth=1, label="each batch")
    axes.plot(found.rates, found.smoothed, color="#4a7ab5", label="smoothed")
    for (suggestion, rate), style in zip(found.suggestions().items(), ("-", "--", ":"), strict=True):
        axes.axvline(rate, color="#b5524a", linestyle=style, linewidth=1, label=f"{suggestion}: {rate:g}")
    axes.set(xscale="log", xlabel="lr, the base rate", ylabel="training loss in nats")
    low, high = found.smoothed.min(), found.smoothed[0]
    axes.set_ylim(low - 0.2 * (high - low) - 0.01, high + 0.8 * (high - low) + 0.01)
    axes.spines[["top", "right"]].set_visible(False)
    axes.legend(frameon=False)
    save_figure(figure, folder / f"{name}.png")


def lr_find(values: dict[str, Any], parts: tuple[str, ...] = ("head", "network")) -> Iterator[str]:
    """Run the range tests, write their curves, and yield lines for a person.

    Raises:
        DataError: the pipeline has not come as far as they need.
    """
    prepare()
    seed = params.check("seed", Seed, values["seed"])
    suggested: dict[str, float] = {}
    for part in parts:
        if part == "head":
            found = _sweep_head(values, seed)
        else:
            step, train, config, settled = prepare_network(values, seed)
            yield f"{part:8} in {settled}"
            found = network_range(step, train, config, seed)
        save_range(REPORT, part, found)
        rates = found.suggestions()
        suggested[part] = rates["valley"]
        yield f"{part:8} {', '.join(f'{name} {rate:g}' for name, rate in rates.items())}; {REPORT / f'{part}.png'}"
    plots = [PLOT.format(name=part) for part in ("head", "network") if (REPORT / f"{part}.csv").is_file()]
    write_text(REPORT / "dvc.yaml", PLOTS + "".join(plots))
    lr = min(suggested.values())
    whose = f"the valley of the {min(suggested, key=suggested.__getitem__)}"
    yield f"suggested lr: {lr:g}, {whose}{', the lower of both' if len(parts) > 1 else ''}: dvc exp run -S lr={lr:g}"


def _sweep_head(values: dict[str, Any], seed: int) -> RateRange:
    _require(EMBEDDINGS, "embed")
    config: TrainHead = params.check("train_head", TrainHead, values["train_head"])
    return head_range(Embeddings(EMBEDDINGS), read_dataset(LABELS, SPLIT), config, seed)


def prepare_network(values: dict[str, Any], seed: int) -> tuple[Step, LabelledImages, Finetune, Settled]:
    """Make ready what `finetune` would begin with, at the base rate 1: its step, its images, its config.

    Raises:
        DataError: the pipeline has not come as far as that.
    """
    _require(HEAD / "network.json", "train-head")
    _require(PRESIZED / "rows.csv", "presize")
    config: Finetune = params.check("finetune", Finetune, values["finetune"])
    augment: Augment = params.check("augment", Augment, values["augment"])
    pixels = read_presized(PRESIZED)
    train = LabelledImages.of(pixels, read_dataset(LABELS, SPLIT), "train", pixels.aspects)
    network, description = load_trainable(BACKBONE, HEAD, config)
    adapt(network, config, seed)
    settled = settle(network, pixels, train.rows, description.size, config.precision)
    config = config.model_copy(update={"precision": settled.precision})
    return Step(network, task_of(description), train.targets, config, augment, 1.0), train, config, settled


def _require(file: Path, stage: str) -> None:
    if not file.is_file():
        raise DataError(f"{file} is absent; run `dvc repro {stage}`")
