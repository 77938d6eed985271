"""Further formats of the bundle: each a module of this folder, which writes a folder of the same name.

A module has `write`, and `obstacles`, which says from params.yaml alone what the format cannot hold.
"""

import pkgutil
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, TypeAlias, cast

from graft.core.errors import ExportError
from graft.images.depth import USUAL_DEPTH

if TYPE_CHECKING:  # the names alone are asked for without torch
    import numpy as np
    from numpy.typing import NDArray

    from graft.images.decode import Square
    from graft.network.head import Description
    from graft.network.network import Network
    from graft.tasks import Decision

NAMES = sorted(module.name for module in pkgutil.iter_modules(__path__))

Files: TypeAlias = dict[str, list[str]]
"""The files of a model by its precision, such as ``float``; the first is the one to load."""


@dataclass(frozen=True, slots=True)
class Exported:
    """The network that was measured, and how it is used.

    Attributes:
        square: what images were presized to.
        model: the ONNX model that was made of the network.
        metadata: what graft.json says of the use of any model of it: classes, pixels, decision.
        calibration: gives batches `[B, S, S, 3]`, uint8, of training images, where a model in eight bits is wanted.
    """

    network: "Network"
    description: "Description"
    square: "Square"
    decision: "Decision"
    model: Path
    metadata: dict[str, Any]
    calibration: "Callable[[], Iterator[NDArray[np.uint8]]] | None" = None


@dataclass(frozen=True, slots=True)
class Traits:
    """What decides whether a format can hold a network; params.yaml says it before any training.

    Attributes:
        backbone: its name, or those of several side by side.
        layers, standardise, head: as the sections `embed` and `train_head` have them.
        crop: share of the overhang that is cut off; `padded` says whether images get a border instead.
        wide: whether images have more than 8 bits.
        tta: flips whose logits are averaged.
        int8: whether a model in eight bits is wanted, too.
    """

    backbone: str
    layers: Sequence[str]
    standardise: bool
    head: str
    crop: float
    padded: bool
    wide: bool
    tta: Sequence[str]
    int8: bool = False


class Format(Protocol):
    """What a module of this folder has."""

    def write(self, folder: Path, exported: Exported) -> Files:
        """Write the network's files into a folder that is there and empty; return their names.

        Raises:
            ExportError: what was written does not answer as the network does.
        """

    def obstacles(self, traits: Traits) -> list[str]:
        """Say what keeps such a network out of the format: a key of params.yaml, or what is not installed."""


def find(name: str) -> Format:
    """Return the format of that name, one of `NAMES`."""
    return cast(Format, import_module(f"{__name__}.{name}"))


def write(name: str, folder: Path, exported: Exported) -> Files:
    """Write the network in the format of that name into a new folder of the same name in `folder`.

    Returns:
        Its files by precision, below `folder`.

    Raises:
        ExportError: the format cannot hold the network, or what writes it is not installed; the text says by what.
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
        int8=exported.calibration is not None,
    )
    if reasons := chosen.obstacles(traits):
        raise ExportError(refusal(name, reasons))
    (folder / name).mkdir()
    written = chosen.write(folder / name, exported)
    return {precision: [f"{name}/{file}" for file in files] for precision, files in written.items()}


def refusal(name: str, reasons: Sequence[str]) -> str:
    """Say why a format cannot be written, and what to do."""
    return f"export.formats: {name} cannot be written: {'; '.join(reasons)}; or leave {name} out of export.formats"
