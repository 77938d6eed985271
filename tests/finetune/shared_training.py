"""Trainings that one process or several do; run by torchrun, the first process writes their curves and weights."""

import json
import sys
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from graft.augment.config import Augment
from graft.backbone.build import create
from graft.data.arrays import ImageRows
from graft.data.dataset import LabelledImages
from graft.finetune.config import Finetune, Unfreeze
from graft.finetune.loop import Training
from graft.finetune.parameter_groups import freeze
from graft.finetune.validate import validate
from graft.network.device import prepare
from graft.network.distributed import processes
from graft.network.features import Features
from graft.network.head import Head
from graft.network.network import Network
from graft.tasks import SingleLabel
from tests.network.tiny_network import TINY

TASK = SingleLabel(["dark", "light"])
PLAIN = Finetune(epochs=3, batch_size=7, sizes=[[32, 1.0]], ema_decay=0.9, precision="fp32")
MIXING = Augment(mixup=0.4, cutmix=1.0, erase=0.5)
NORMS = {"batch_norm": "train"}
WAYS: dict[str, tuple[Finetune, Augment]] = {
    "plain": (PLAIN, Augment()),
    "accumulated, weighted": (PLAIN.model_copy(update={"accumulate": 3, "class_weights": "balanced"}), Augment()),
    "mixed, dropped": (PLAIN.model_copy(update={"dropout": 0.4, "drop_path": 0.3}), MIXING),
    "batch norms": (PLAIN.model_copy(update=NORMS), Augment()),
    # at 96, where a norm of two images still sees several positions
    "batches of two": (PLAIN.model_copy(update=NORMS | {"batch_size": 2, "sizes": [[96, 1.0]]}), MIXING),
    "unfrozen late": (
        PLAIN.model_copy(update={"freeze": ["conv_stem"], "unfreeze": [Unfreeze(epoch=2, pattern="blocks")]}),
        Augment(),
    ),
}


def network(config: Finetune) -> Network:
    """A network whose weights keep features of a usual size, with a head that has a hidden layer."""
    torch.manual_seed(0)
    body = create("test_efficientnet", config.drop_path).to_empty(device="cpu")
    for module in body.modules():
        if isinstance(module, nn.Conv2d):
            nn.init.kaiming_normal_(module.weight)
            if module.bias is not None:
                nn.init.zeros_(module.bias)
        if isinstance(module, nn.BatchNorm2d):
            module.reset_parameters()
    made = Network(
        Features(body, [], ["mean"]), Head(256, 2, "mlp", 16), TINY.model_copy(update={"classes": TASK.classes})
    ).eval()
    freeze(made, config.freeze, config.unfreeze)
    return made


def trained(folder: Path, way: str) -> dict[str, Any]:
    """Losses of every epoch, and the sum of the weights' sizes, of a training on the images in a folder."""
    config, augment = WAYS[way]
    rows = np.arange(16)
    images = LabelledImages(ImageRows(folder / "pixels.npy"), rows, rows % 2)
    on_valid = partial(validate, task=TASK, images=images, size=32, precision="fp32")
    training = Training(network(config), TASK, images, on_valid, config, augment, 1e-2, 7)
    epochs = list(training.epochs())
    weights = sum(float(value.double().abs().sum()) for value in training.result(TINY)[0].state_dict().values())
    return {
        "train": [epoch.train_loss for epoch in epochs],
        "valid": [epoch.valid_loss for epoch in epochs],
        "weights": [weights],
    }


if __name__ == "__main__":
    prepare()
    with processes() as number:
        found = {way: trained(Path(sys.argv[1]), way) for way in WAYS}
        if number == 0:
            (Path(sys.argv[1]) / "found.json").write_text(json.dumps(found))
