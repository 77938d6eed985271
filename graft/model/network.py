"""The network graft makes: normalisation, features, a head."""

from pathlib import Path

import torch
from torch import nn

from graft.model import backbone
from graft.model.features import Features
from graft.model.fold import find_pairs, fold_batch_norms, fold_structure
from graft.model.head import Head, head_like
from graft.model.saved import Description, describe, load_into, read_state
from graft.model.settings import Embed

CONTRAST = 0.35
"""Deviation that standardised pictures get: a usual one for photographs after normalisation."""
FLOOR = 0.02


class Network(nn.Module):
    """Pixels to logits.

    Args:
        features: the network's body, for normalised pictures.
        head: from features to logits; None for a network that ends in its features.
        description: how pictures are normalised before the body sees them.
    """

    def __init__(self, features: Features, head: Head | None, description: Description) -> None:
        super().__init__()
        self.features = features
        self.head = head
        self.standardise = description.standardise
        self.mean: torch.Tensor
        self.std: torch.Tensor
        self.register_buffer("mean", torch.tensor(description.mean).view(1, 3, 1, 1), persistent=False)
        self.register_buffer("std", torch.tensor(description.std).view(1, 3, 1, 1), persistent=False)

    def forward(self, views: torch.Tensor) -> torch.Tensor:
        """Map views `[B, 3, H, W]`, float in [0, 1], to logits `[B, K]`, or features `[B, D]` without a head."""
        normalised = (views - self.mean) / self.std
        if self.standardise:
            normalised = without_exposure(normalised)
        features: torch.Tensor = self.features(normalised)
        if self.head is None:
            return features
        # float32 from here on, whatever the body computes in
        logits: torch.Tensor = self.head(features.float())
        return logits


def without_exposure(pictures: torch.Tensor) -> torch.Tensor:
    """Give every picture `[B, 3, H, W]` the same mean (0) and nearly the same deviation.

    A flat picture stays flat: the deviation it is divided by has a floor.
    """
    centred = pictures - pictures.mean((1, 2, 3), keepdim=True)
    deviation = centred.square().mean((1, 2, 3), keepdim=True).sqrt()
    return centred / (deviation + FLOOR) * CONTRAST


def pretrained(folder: Path, knobs: Embed) -> tuple[Network, Description]:
    """Load the backbone that `download` wrote as a network that ends in its features.

    Its batch norms are folded: their statistics stay those of the pretraining throughout.
    """
    body, facts = backbone.load(folder)
    fold_batch_norms(body, _example())
    description = Description(
        backbone=facts["name"],
        mean=facts["mean"],
        std=facts["std"],
        standardise=knobs.standardise,
        view=knobs.view,
        layers=knobs.layers,
        pools=knobs.pools,
        classes=[],
    )
    return Network(Features(body, knobs.layers, knobs.pools), None, description).eval(), description


def grafted(backbone_folder: Path, description: Description, head: Head) -> Network:
    """Graft a head onto the pretrained network whose features it was fitted to."""
    body, _ = backbone.load(backbone_folder)
    if description.folded:
        fold_batch_norms(body, _example())
    return Network(Features(body, description.layers, description.pools), head, description).eval()


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
    if description.folded:
        fold_structure(body, find_pairs(body, _example()))
    head = head_like(description, state, "head.")
    features = Features(body, description.layers, description.pools)
    network = Network(features, head, description)
    load_into(network, state, folder)
    return network.eval(), description


def _example() -> torch.Tensor:
    """A fixed input for watching and comparing forward passes."""
    return torch.randn((2, 3, 64, 64), generator=torch.Generator().manual_seed(0))
