"""Further formats of the bundle: each a module of this folder, which writes a folder of the same name.

A module has `write`, and `obstacles`, which says from params.yaml alone what the format cannot hold.
"""

import pkgutil
from collections.abc import Sequence
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Protocol, cast

from graft.core.errors import ExportError
from graft.images.depth import USUAL_DEPTH

if TYPE_CHECKING:  # the names alone are asked for without torch
    from graft.images.decode import Square
    from graft.network.head import Description
    from graft.network.network import Network
    from graft.tasks import Decision

NAMES = sorted(module.name for module in pkgutil.iter_modules(__path__))


@dataclass(frozen=True, slots=True)
class Exported:
    """The network that was measured, and how it is used: `square` is what images were presized to."""

    network: "Network"
    description: "Description"
    square: "Square"
    decision: "Decision"


@dataclass(frozen=True, slots=True)
class Traits:
    """What decides whether a format can hold a network; params.yaml says it before any training.

    Attributes:
        backbone: its name, or those of several side by side.
        layers, standardise, head: as the sections `embed` and `train_head` have them.
        crop: share of the overhang that is cut off; `padded` says whether images get a border instead.
        wide: whether images have more than 8 bits.
        tta: flips whose logits are averaged.
    """

    backbone: str
    layers: Sequence[str]
    standardise: bool
    head: str
    crop: float
    padded: bool
    wide: bool
    tta: Sequence[str]


class Format(Protocol):
    """What a module of this folder has."""

    def write(self, folder: Path, exported: Exported) -> None:
        """Write the network's files into a folder that is there and empty.

        Raises:
            ExportError: what was written does not answer as the network does.
        """

    def obstacles(self, traits: Traits) -> list[str]:
        """Say what keeps such a network out of the format, each with the key of params.yaml; empty for nothing."""


def find(name: str) -> Format:
    """Return the format of that name, one of `NAMES`."""
    return cast(Format, import_module(f"{__name__}.{name}"))


def write(name: str, folder: Path, exported: Exported) -> None:
    """Write the network in the format of that name into a new folder.

    Raises:
        ExportError: the format cannot hold the network; the text says by what.
    """
    chosen, description = find(name), exported.description
    traits = Traits(
        backbone=description.backbone,
        layers=description.layers,
        standardise=description.standardise,
        head=description.head,
        crop=exported.square.crop,
        padded=exported.square.padding is not None,
        wide=exported.square.depth is not USUAL_DEPTH,
        tta=exported.decision.tta,
    )
    if reasons := chosen.obstacles(traits):
        raise ExportError(refusal(name, reasons))
    folder.mkdir()
    chosen.write(folder, exported)


def refusal(name: str, reasons: Sequence[str]) -> str:
    """Say why a format cannot be written, and what to do."""
    return f"export.formats: {name} cannot hold this network: {'; '.join(reasons)}; leave {name} out of export.formats"
