"""What graft asks of a library of architectures, and which library has which name."""

from dataclasses import dataclass
from typing import Protocol

import torch
from torch import nn

from graft.backbone import timm_models, torchvision_models
from graft.backbone.published import Preprocessing
from graft.core.errors import WeightsError, nearest

PREFIX = "torchvision/"


class Library(Protocol):
    """Architectures by name."""

    def names(self) -> list[str]:
        """All classifiers it has."""

    def body(self, name: str, drop_path: float) -> nn.Module:
        """Build a skeleton without classifier that gives `[B, D]`."""

    def whole(self, name: str) -> nn.Module:
        """Build a skeleton with all that a published file has tensors for."""

    def side(self, name: str) -> int:
        """Side in pixels of the pictures that it was made for."""

    def preprocessing(self, name: str) -> Preprocessing:
        """What its usual published weights expect."""

    def converted(self, name: str, state: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
        """Bring a state dict of another form that the library knows to the names of `whole`; others stay."""


@dataclass(frozen=True)
class Architecture:
    """One architecture of one library."""

    library: Library
    name: str


def find(name: str) -> Architecture:
    """Find an architecture: ``NAME`` in timm, else in torchvision, or ``torchvision/NAME``.

    Raises:
        WeightsError: the libraries have none of that name.
    """
    plain = name.removeprefix(PREFIX)
    theirs = torchvision_models.names()
    if name != plain:
        if plain not in theirs:
            close = nearest(name, [PREFIX + other for other in theirs])
            raise WeightsError(f"backbone.name: torchvision has no classifier {plain!r}{close}")
        return Architecture(torchvision_models, plain)
    if timm_models.has(name):
        return Architecture(timm_models, name)
    if name in theirs:
        return Architecture(torchvision_models, name)
    close = nearest(name, timm_models.names() + theirs)
    raise WeightsError(f"backbone.name: neither timm nor torchvision has {name!r}{close}")
