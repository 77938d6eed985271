"""A tiny network and its bundle, made on the spot."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from graft.backbone.build import create
from graft.export.bundle import write_bundle
from graft.export.config import Export
from graft.images.decode import Square
from graft.network.features import Features
from graft.network.fuse_bn import fold_batch_norms
from graft.network.head import Description, Head
from graft.network.network import Network
from graft.tasks import Decision
from tests.network.tiny_network import TINY, made

DESCRIPTION = TINY.model_copy(update={"classes": ["a", "b", "c"]})


def network(description: Description = DESCRIPTION) -> Network:
    """A network whose answers are neither sure nor all alike: its head sees features as large as each other."""
    body = create(description.backbone).to_empty(device="cpu")
    state = made(description.backbone)
    body.load_state_dict({name: state[name] for name in body.state_dict()})
    fold_batch_norms(body, torch.rand(2, 3, 32, 32))
    features = Features(body, description.layers, description.pools).eval()
    generator = torch.Generator().manual_seed(0)
    with torch.no_grad():
        seen = features(torch.rand((64, 3, 32, 32), generator=generator) * 2 - 1)
        head = Head(seen.shape[1], len(description.classes))
        head.mean.copy_(seen.mean(0))
        head.scale.copy_(seen.std(0) + 1e-3)
        head.linear.weight.copy_(torch.randn(head.linear.weight.shape, generator=generator) / seen.shape[1] ** 0.5)
        head.linear.bias.zero_()
    return Network(features, head, description).eval()


RECORD: dict[str, Any] = {
    "source": "package://cells/data",
    "licences": {"images": "CC BY & others", "weights": "CC0"},
    "labels": {"rule": "folder"},
    "metrics": {
        "accuracy": {
            "meaning": "accuracy (top-1)",
            "value": 0.75,
            "low": 0.5,
            "high": 0.9,
            "head": 0.5,
            "finetuned": 0.75,
        },
        "roc_auc": {"meaning": "ROC AUC", "value": None, "low": None, "high": None, "head": None, "finetuned": None},
    },
    "primary_metric": "accuracy",
    "interval": "by group",
    "cross_validated": None,
    "answered": None,
    "slices": [{"slice": "kind=m|n", "images": 4, "accuracy": 0.75, "accuracy_low": 0.5, "accuracy_high": 0.9}],
    "images": {"train": 20, "valid": 5, "test": 4},
    "groups_across_splits": 0,
    "warning": None,
    "lineage": {"data/labels.csv": "ab" * 32},
    "versions": {"torch": "2", "timm": "1"},
}
"""What a bundle says beyond its model."""


def write_tiny_bundle(
    folder: Path,
    network: Network,
    description: Description,
    size: int | Square,
    decision: Decision | None = None,
    **record: Any,
) -> dict[str, Any]:
    """Write a whole bundle into an empty folder, for images squeezed to a size or as told; return its metadata."""
    nothing: Iterator[NDArray[np.uint8]] = iter(())
    decision, config = decision or Decision(), Export()
    square, record = size if isinstance(size, Square) else Square(size), RECORD | record
    return write_bundle(folder, network, description, square, decision, config, lambda _: nothing, record)
