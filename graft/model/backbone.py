"""The pretrained network: its architecture from timm, its weights from a file."""

import json
from pathlib import Path
from typing import Any

import torch
from pydantic import Field
from safetensors.torch import load_file
from torch import nn

from graft.errors import WeightsError, nearest
from graft.model.torchvision_ops import declare_missing
from graft.params import Section

declare_missing()

import timm  # noqa: E402 - imports torchvision, so it must come after the declarations


class Backbone(Section):
    """The pretrained network to graft a head onto."""

    name: str
    """A timm architecture."""
    weights: str
    """``package://NAME/PATH`` or a path: .safetensors, or a .pth holding tensors only."""
    sha256: str | None = Field(default=None, pattern="^[0-9a-f]{64}$")
    """Of the weights file; a file that differs is refused."""
    licence: str
    """Licence of the weights as their owner states it."""


def create(name: str) -> nn.Module:
    """Build a timm architecture with no classifier, on the meta device: shapes without memory.

    Raises:
        WeightsError: timm has no architecture of that name.
    """
    return _create(name, num_classes=0)


def full_state(name: str) -> dict[str, torch.Tensor]:
    """Names and shapes of an architecture's tensors with its own classifier, on the meta device."""
    return _create(name).state_dict()


def _create(name: str, **options: Any) -> nn.Module:
    if not timm.is_model(name):
        raise WeightsError(f"backbone.name: timm has no {name!r}{nearest(name, timm.list_models())}")
    with torch.device("meta"):
        model: nn.Module = timm.create_model(name, pretrained=False, **options)
    return model.eval()


def preprocessing(name: str) -> dict[str, Any]:
    """What an architecture's published weights expect: mean and std per channel of pixels in [0, 1]."""
    config = timm.get_pretrained_cfg(name)
    if config is None:
        raise WeightsError(f"backbone.name: timm states no preprocessing for {name!r}")
    return {"mean": list(config.mean), "std": list(config.std)}


def load(folder: Path) -> tuple[nn.Module, dict[str, Any]]:
    """Load what `download` wrote: the network without classifier, and its description.

    Returns:
        The network in evaluation mode on the CPU, and ``{"name", "mean", "std", ...}``.

    Raises:
        WeightsError: a tensor is missing, unexpected, or of another shape.
    """
    facts: dict[str, Any] = json.loads((folder / "backbone.json").read_text(encoding="utf-8"))
    model = create(facts["name"])
    state = load_file(folder / "model.safetensors")
    wanted = model.state_dict()
    if missing := sorted(set(wanted) - set(state)):
        raise WeightsError(f"{folder}: no tensor {missing[0]!r} for {facts['name']} ({len(missing)} missing)")
    model.load_state_dict({key: state[key] for key in wanted}, assign=True)
    return model, facts
