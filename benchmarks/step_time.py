"""What a training step costs beside the bare network's: ``python -m benchmarks.step_time``.

A bare step is forward, backward and the optimizer on one batch that lies ready. graft's step augments
images from the cache, clips gradients, averages weights and moves the schedule as well. Both train the
same network, frozen alike, in the same precision and memory layout, and take turns. Images are noise:
time does not depend on them. Params are those of params.yaml; needs ``dvc repro download@weights``.
Writes ``benchmarks/step_time.json`` and ``benchmarks/step_time.md``; two minutes on two cores.
"""

import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
import pandas as pd
import torch

from benchmarks.load import Clock
from benchmarks.machine import ROOT, footer, machine, save
from graft.augment.augment import augment
from graft.augment.config import Augment
from graft.core import params
from graft.data.arrays import ImageRows
from graft.data.dataset import LabelledImages
from graft.finetune.config import Finetune
from graft.finetune.loop import Training
from graft.finetune.parameter_groups import freeze, parameter_groups
from graft.finetune.validate import Score
from graft.network.config import Embed
from graft.network.device import autocast, pick_device, prepare
from graft.network.head import Head
from graft.network.network import Network, grafted, pretrained, width
from graft.optim.schedule import make_schedule
from graft.tasks import LossOptions, SingleLabel

OUT = Path(__file__).with_suffix(".json")
BACKBONE = ROOT / "models/backbone"
STEPS = 8
"""Steps a repeat."""
REPEATS = 9
RATE = 3e-3


def draw(folder: Path, count: int, side: int) -> LabelledImages:
    """Store noise as `presize` stores images."""
    generator = np.random.default_rng(0)
    np.save(folder / "pixels.npy", generator.integers(0, 256, (count, side, side, 3), dtype=np.uint8))
    pd.DataFrame({"path": [f"{number}.png" for number in range(count)]}).to_csv(folder / "rows.csv", index=False)
    targets = np.arange(count, dtype=np.int64) % 2
    return LabelledImages(ImageRows(folder / "pixels.npy"), np.arange(count), targets)


class Steps:
    """graft's training, its bare network's, and its data alone, each timed over the same number of steps.

    Args:
        make: a network for two classes, new each time.
        size: side in pixels that it sees images at.
    """

    def __init__(
        self, make: Callable[[], Network], images: LabelledImages, config: Finetune, augmentation: Augment, size: int
    ) -> None:
        self.images, self.config, self.augmentation, self.size = images, config, augmentation, size
        self.task, device = SingleLabel(["a", "b"]), pick_device()
        self.training = Training(make(), self.task, images, _no_validation, config, augmentation, RATE, seed=0)
        self.schedule = make_schedule(self.training.step.optimizer, "one_cycle", 10**6)
        self.bare = make().to(device, memory_format=torch.channels_last)  # type: ignore[call-overload]
        groups = parameter_groups(self.bare, RATE / 2, config.lr_ratio, config.weight_decay)
        self.optimizer = torch.optim.AdamW(groups, fused=device.type == "cuda" or None)

    def whole(self) -> float:
        """Seconds of a step of graft's training."""
        began = time.perf_counter()
        self.training.train_epoch(1, self.size, self.schedule)
        return (time.perf_counter() - began) / STEPS

    def network_alone(self) -> float:
        """Seconds of a step of the bare network on a batch that lies ready."""
        device = pick_device()
        pixels, targets = self.images.batch(np.arange(self.config.batch_size), device)
        images = augment(pixels, self.augmentation, self.size, 0)
        self.bare.train()
        options = LossOptions(self.config.label_smoothing)
        began = time.perf_counter()
        for _ in range(STEPS):
            with autocast(device, self.config.precision):
                logits = self.bare(images)
            loss = self.task.losses(logits.float(), targets, options).mean()
            self.optimizer.zero_grad()
            loss.backward()
            self.optimizer.step()
        float(loss.detach())  # waits for the device
        return (time.perf_counter() - began) / STEPS

    def data_alone(self) -> float:
        """Seconds that augmenting a batch takes."""
        device = pick_device()
        began = time.perf_counter()
        for number, indices in enumerate(np.array_split(np.arange(len(self.images)), STEPS)):
            pixels, _ = self.images.batch(indices, device)
            images = augment(pixels, self.augmentation, self.size, number)
        float(images.sum())
        return (time.perf_counter() - began) / STEPS


def _no_validation(network: Network) -> Score:
    raise AssertionError(f"an epoch alone is not validated, {type(network).__name__} or other")


def measure() -> dict[str, Any]:
    """Let the three take turns, after a turn of each that does not count."""
    prepare()
    values = params.load(ROOT / "params.yaml")
    config: Finetune = params.check("finetune", Finetune, values["finetune"])
    augmentation: Augment = params.check("augment", Augment, values["augment"])
    body, description = pretrained(BACKBONE, params.check("embed", Embed, values["embed"]))
    description, features = description.model_copy(update={"classes": ["a", "b"]}), width(body)

    def make() -> Network:
        network = grafted(BACKBONE, description, Head(features, 2))
        freeze(network, config.freeze, config.unfreeze)
        return network

    with tempfile.TemporaryDirectory() as folder:
        images = draw(Path(folder), STEPS * config.batch_size, values["presize"]["size"])
        steps = Steps(make, images, config, augmentation, config.size_at(config.epochs, description.size))
        turns = {"bare": steps.network_alone, "graft": steps.whole, "data": steps.data_alone}
        for turn in turns.values():
            turn()
        began = Clock.now()
        seconds = [{name: turn() for name, turn in turns.items()} for _ in range(REPEATS)]
        others = began.others(Clock.now())
    return {
        "repeats": seconds,
        "batch": steps.config.batch_size,
        "size": steps.size,
        "device": pick_device().type,
        "others": round(others, 3),
        "machine": machine(),
    }


def table(results: dict[str, Any]) -> str:
    """Markdown table of medians; ratios are within a repeat, then their median."""
    repeats = results["repeats"]
    lines = ["| | milliseconds a step | of the bare step |", "|---|---|---|"]
    titles = {"bare": "bare network", "graft": "graft, all of it", "data": "augmenting, alone"}
    for name, title in titles.items():
        middle = median(each[name] for each in repeats)
        ratio = median(each[name] / each["bare"] for each in repeats)
        lines.append(f"| {title} | {1000 * middle:.0f} | {ratio:.1%} |")
    share = median(each["data"] / each["graft"] for each in repeats)
    note = (
        f"Batches of {results['batch']} images of {results['size']} pixels on the {results['device']}, "
        f"{len(repeats)} repeats of {STEPS} steps; a step waits {share:.1%} of its time for its images at most; "
        f"others used {results['others']:.0%} of the cores meanwhile."
    )
    return "\n".join([*lines, "", note, "", footer(results["machine"])]) + "\n"


if __name__ == "__main__":
    results = measure()
    save(OUT, results, table(results))
