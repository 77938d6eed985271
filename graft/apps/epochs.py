"""``graft epochs --budget TIME``: how many epochs of fine-tuning go into a time on this machine.

A clock must not decide what a stage computes, or no run could be repeated: so the speed is measured once, here, and
the number that follows from it is written into params.yaml, where it holds on every machine.
"""

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from graft.apps.lr_find import LABELS, SPLIT, prepare_network
from graft.apps.use.presets import write_values
from graft.core import params
from graft.core.errors import ParamsError
from graft.core.seeds import Seed
from graft.data.dataset import LabelledImages, read_dataset
from graft.finetune.config import Finetune
from graft.finetune.step import Step
from graft.network.device import prepare
from graft.network.inference import all_outputs
from graft.optim.batches import parts_of

WARM_UP, MEASURED = 2, 10
"""Batches before the clock runs, when memory is taken and kernels are chosen, and batches under it."""
MOST = 30
"""Epochs that are written at most: the images are few where more would go into the time, and known by heart by then."""


def epochs(values: dict[str, Any], budget: str, file: Path) -> Iterator[str]:
    """Measure a few steps and the scoring of valid, write `finetune.epochs`, and yield lines for a person.

    Args:
        values: params.yaml, which is `file`.
        budget: a time with its unit, such as ``10 min``.

    Raises:
        ParamsError: the budget is no time, or shorter than an epoch.
        DataError: the pipeline has not come as far as `train-head`.
    """
    seconds = parse_time(budget)
    prepare()
    seed = params.check("seed", Seed, values["seed"])
    step, train, config, settled = prepare_network(values, seed)
    valid = LabelledImages.of(train.pixels, read_dataset(LABELS, SPLIT), "valid")
    epoch = seconds_of_epoch(step, train, valid, config)
    yield f"an epoch of {len(train)} images takes {epoch:.1f} s here, in {settled}"
    count = int(seconds / epoch)
    if not count:
        raise ParamsError(
            f"--budget: {budget} is shorter than one epoch, which takes {epoch:.0f} s; freeze more layers"
        )
    if count > MOST:
        yield f"{count} epochs would go into {budget}; no more than {MOST} are of use"
        count = MOST
    yield f"{count} epochs take {count * epoch:.0f} s"
    yield from write_values({"finetune": {"epochs": count}}, file)


def parse_time(text: str) -> float:
    """Seconds of a time with its unit.

    Raises:
        ParamsError: it is none, or not positive.
    """
    try:
        seconds = float("nan") if text.strip().isdigit() else pd.Timedelta(text).total_seconds()
    except ValueError:
        seconds = float("nan")
    if not seconds > 0:
        raise ParamsError(f"--budget: expected a time with its unit, such as '10 min', '90 s' or '1 h'; got {text!r}")
    return float(seconds)


def seconds_of_epoch(step: Step, train: LabelledImages, valid: LabelledImages, config: Finetune) -> float:
    """Measure some steps and the scoring of some valid images, and count up to a whole epoch."""
    size = max(int(side) for side, _ in config.sizes) if config.sizes else step.network.size
    batches = np.array_split(np.arange(len(train)), parts_of(len(train), config.batch_size, config.min_batch_size))
    step.train_mode()
    for group in step.optimizer.param_groups:
        group["lr"] = 0.0  # numbers as they are in training, not those of a network that exploded
    began = images = 0.0
    for number in range(WARM_UP + MEASURED):
        rows = batches[number % len(batches)]
        pixels, targets = train.batch(rows, step.device)
        if number == WARM_UP:
            began, images = time.perf_counter(), 0
        float(step.backward(pixels, targets, size, number, len(rows), train.squeezed(rows))[0])  # waits for a GPU
        step.update()
        images += len(rows)
    training = (time.perf_counter() - began) / images
    some = valid.rows[: MEASURED * config.batch_size]
    began = time.perf_counter()
    all_outputs(step.network.eval(), valid.pixels, some, step.network.size, config.precision, "valid")
    scoring = (time.perf_counter() - began) / len(some)
    return training * len(train) + scoring * len(valid)
