"""The network graft makes: normalisation, features, standardisation, a linear head."""

from pathlib import Path
from typing import Any

import torch
from torch import nn

from graft.model import backbone
from graft.model.features import Features
from graft.model.fold import find_pairs, fold_batch_norms, fold_structure
from graft.model.head import Head
from graft.model.saved import Description, describe, load_into, read_state


class Network(nn.Module):
    """Pixels to logits.

    Args:
        features: the network's body, for normalised pictures.
        head: from features to logits; None for a network that ends in its features.
        mean, std: per channel, of pixels in [0, 1].
    """

    def __init__(self, features: Features, head: Head | None, mean: list[float], std: list[float]) -> None:
        super().__init__()
        self.features = features
        self.head = head
        self.mean: torch.Tensor
        self.std: torch.Tensor
        self.register_buffer("mean", torch.tensor(mean).view(1, 3, 1, 1), persistent=False)
        self.register_buffer("std", torch.tensor(std).view(1, 3, 1, 1), persistent=False)

    def forward(self, views: torch.Tensor) -> torch.Tensor:
        """Map views `[B, 3, H, W]`, float in [0, 1], to logits `[B, K]`, or features `[B, D]` without a head."""
        features: torch.Tensor = self.features((views - self.mean) / self.std)
        if self.head is None:
            return features
        # float32 from here on, whatever the body computes in
        logits: torch.Tensor = self.head(features.float())
        return logits


def pretrained(folder: Path, view: int, layers: list[str], pools: list[Any]) -> tuple[Network, Description]:
    """Load the backbone that `download` wrote as a network that ends in its features.

    Its batch norms are folded: their statistics stay those of the pretraining throughout.
    """
    body, facts = backbone.load(folder)
    features = Features(body, layers, pools)
    fold_batch_norms(body, _example())
    mean, std = facts["mean"], facts["std"]
    description = Description(
        backbone=facts["name"], mean=mean, std=std, layers=layers, pools=pools, view=view, classes=[]
    )
    return Network(features, None, mean, std).eval(), description


def graft_head(network: Network, head: Head) -> Network:
    """Give a headless network a head."""
    return Network(network.features, head, network.mean.flatten().tolist(), network.std.flatten().tolist())


def width(network: Network) -> int:
    """Count the features or logits that a network gives for one picture."""
    with torch.inference_mode():
        return int(network(_example()).shape[1])


def load(folder: Path) -> tuple[Network, Description]:
    """Load a whole network.

    Raises:
        WeightsError: the file does not hold exactly a network of this description.
    """
    description = describe(folder)
    state = read_state(folder)
    body = backbone.create(description.backbone).to_empty(device="cpu")
    fold_structure(body, find_pairs(body, _example()))
    head = Head(*reversed(state["head.linear.weight"].shape))
    features = Features(body, description.layers, description.pools)
    network = Network(features, head, description.mean, description.std)
    load_into(network, state, folder)
    return network.eval(), description


def _example() -> torch.Tensor:
    """A fixed input for watching and comparing forward passes."""
    return torch.randn((2, 3, 64, 64), generator=torch.Generator().manual_seed(0))
