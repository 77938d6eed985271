"""From the name of a backbone to its network: the library that has it, its architecture, its weights from a file."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from safetensors.torch import load_file
from torch import nn

from graft.backbone import timm_models, torchvision_models
from graft.backbone.library import Library
from graft.core.errors import WeightsError, nearest

PREFIX = "torchvision/"


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
    if name == plain and timm_models.has(name):
        return Architecture(timm_models, name)
    if plain in theirs:
        return Architecture(torchvision_models, plain)
    if name != plain:
        close = nearest(name, [PREFIX + other for other in theirs])
        raise WeightsError(f"backbone.name: torchvision has no classifier {plain!r}{close}")
    close = nearest(name, timm_models.names() + theirs)
    raise WeightsError(f"backbone.name: neither timm nor torchvision has {name!r}{close}")


def create(name: str, drop_path: float = 0.0) -> nn.Module:
    """Build an architecture with no classifier, its parameters on the meta device: shapes without memory.

    `drop_path` is the probability in [0, 1] that training leaves out the deepest block, less for those before it.

    Returns:
        A network in evaluation mode: images `[B, 3, H, W]` to features `[B, D]`.

    Raises:
        WeightsError: neither library has an architecture of that name.
        ParamsError: `drop_path` is above 0, and the architecture has no stochastic depth.
    """
    architecture = find(name)
    return architecture.library.body(architecture.name, drop_path)


def native_size(name: str) -> int:
    """Side in pixels of the images that an architecture was made for."""
    architecture = find(name)
    return architecture.library.native_size(architecture.name)


def parts(folder: Path) -> list[Path]:
    """Folders of the networks that `download` wrote: the folder itself for one; for several ``1``, ``2``, ... in it."""
    numbered = [file.parent for file in folder.glob("*/backbone.json")]
    return sorted(numbered, key=lambda part: int(part.name)) or [folder]


def load(folder: Path, drop_path: float = 0.0) -> tuple[nn.Module, dict[str, Any]]:
    """Load what `download` wrote of a network: it without classifier, and its description.

    Returns:
        The network in evaluation mode on the CPU, and ``{"name", "mean", "std", ...}``.

    Raises:
        WeightsError: a tensor is missing, unexpected, or of another shape.
        ParamsError: `drop_path` is above 0, and the architecture has no stochastic depth.
    """
    facts: dict[str, Any] = json.loads((folder / "backbone.json").read_text(encoding="utf-8"))
    model = create(facts["name"], drop_path)
    file = folder / "model.safetensors"
    try:
        model.load_state_dict(load_file(file), assign=True)
    except RuntimeError as error:
        raise WeightsError(f"{file} does not fit {facts['name']}; run `dvc repro download`: {error}") from error
    return model, facts
