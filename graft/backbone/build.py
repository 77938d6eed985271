"""The pretrained network: its architecture from timm or torchvision, its weights from a file."""

import json
from pathlib import Path
from typing import Any

from pydantic import Field, field_validator
from safetensors.torch import load_file
from torch import nn

from graft.backbone.library import find
from graft.backbone.timm_models import SCHEME as TIMM
from graft.backbone.torchvision_models import SCHEME as TORCHVISION
from graft.core.errors import WeightsError
from graft.core.params import Section

ALLOWED = (
    f"{TIMM}ARCHITECTURE.TAG, {TORCHVISION}ENTRY, package://NAME/PATH, an address, "
    "or a path of a .safetensors or .pth file"
)


class Backbone(Section):
    """The pretrained network to graft a head onto."""

    name: str
    """An architecture of timm, or ``torchvision/NAME`` for one of torchvision's classifiers."""
    weights: str
    """``timm://resnet34.a1_in1k``, ``torchvision://DEFAULT`` or ``torchvision://ResNet34_Weights.IMAGENET1K_V1``,
    ``package://NAME/PATH``, an address, or a path: .safetensors, or a .pth holding tensors only."""
    sha256: str | None = Field(default=None, pattern="^[0-9a-f]{64}$")
    """Of the weights file; a file that differs is refused."""
    licence: str
    """Licence of the weights as their owner states it."""

    @field_validator("weights", mode="before")
    @classmethod
    def _some(cls, value: object) -> object:
        if value in (None, "", "random"):
            raise ValueError(f"graft starts from pretrained weights, not from {value!r}; allowed are {ALLOWED}")
        return value


def create(name: str, drop_path: float = 0.0) -> nn.Module:
    """Build an architecture with no classifier, its parameters on the meta device: shapes without memory.

    Args:
        drop_path: chance in [0, 1] that training leaves out the deepest block, less for those before it.

    Returns:
        A network in evaluation mode: pictures `[B, 3, H, W]` to features `[B, D]`.

    Raises:
        WeightsError: neither library has an architecture of that name.
        ParamsError: `drop_path` is above 0, and the architecture has no stochastic depth.
    """
    architecture = find(name)
    return architecture.library.body(architecture.name, drop_path)


def native_side(name: str) -> int:
    """Side in pixels of the pictures that an architecture was made for."""
    architecture = find(name)
    return architecture.library.side(architecture.name)


def load(folder: Path, drop_path: float = 0.0) -> tuple[nn.Module, dict[str, Any]]:
    """Load what `download` wrote: the network without classifier, and its description.

    Args:
        drop_path: as for `create`; it has no tensors.

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
