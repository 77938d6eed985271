"""A training of the tiny network on a few images, as tests vary it."""

import copy
import itertools
from functools import partial
from pathlib import Path

import numpy as np
import torch

from graft.augment.config import Augment
from graft.data.dataset import LabelledImages
from graft.finetune.config import Finetune
from graft.finetune.loop import Training
from graft.finetune.validate import validate
from graft.network.network import Network
from graft.tasks import SingleLabel

CONFIG = Finetune(epochs=3, batch_size=4, sizes=[[32, 1.0]], ema_decay=0.9, precision="fp32")
TASK = SingleLabel(["dark", "light"])
STILL, LIVELY = Augment(strength="none", flip="none"), Augment()


def training(
    network: Network, images: LabelledImages, config: Finetune = CONFIG, lr: float = 1e-3, augment: Augment = LIVELY
) -> Training:
    on_valid = partial(validate, task=TASK, images=images, size=32, precision="fp32")
    return Training(copy.deepcopy(network), TASK, images, on_valid, config, augment, lr, 7)


def weights(trained: Training) -> dict[str, torch.Tensor]:
    states = {"network": trained.network, "average": trained.average.module}
    return {f"{who}.{name}": value for who, module in states.items() for name, value in module.state_dict().items()}


def several(images: LabelledImages) -> LabelledImages:
    """The same images with two classes that may hold: light, and seen, which holds for all."""
    light = images.targets
    return LabelledImages(images.pixels, images.rows, np.stack([light, np.ones_like(light)], axis=1).astype(np.float32))


def check_resumed(
    network: Network, images: LabelledImages, tmp_path: Path, killed_after: int, config: Finetune = CONFIG
) -> None:
    """Kill a training after some epochs, go on from its checkpoint, and compare with one that went through."""
    whole = training(network, images, config)
    history = list(whole.epochs())

    file = tmp_path / "checkpoint.safetensors"
    killed, done = training(network, images, config), []
    for epoch in itertools.islice(killed.epochs(), killed_after):
        done.append(epoch)
        killed.save(file, done)
    resumed = training(network, images, config)
    before = resumed.resume(file)
    assert before == history[:killed_after]
    assert before + list(resumed.epochs()) == history
    wanted = weights(whole)
    assert all(torch.equal(value, wanted[name]) for name, value in weights(resumed).items())
