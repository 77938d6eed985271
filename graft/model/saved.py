"""A network or a head on disk: weights as safetensors, and a description to build it again from."""

import json
from pathlib import Path
from typing import Any, Literal

import safetensors.torch
import torch
from pydantic import SerializerFunctionWrapHandler, model_serializer
from torch import nn

from graft import atomic
from graft.errors import WeightsError
from graft.model.pool import Pool
from graft.params import Section

HeadKind = Literal["linear", "fastai", "mlp"]
"""What stands between features and logits, see `graft.model.head`."""


class Description(Section):
    """All that is needed to build a network again, beside its weights."""

    backbone: str
    mean: list[float]
    std: list[float]
    layers: list[str]
    pools: list[Pool]
    standardise: bool
    """Whether every picture's own brightness and contrast are taken out."""
    view: int
    """Side in pixels of the view that the network is evaluated at."""
    classes: list[str]
    """In the order of the logits; empty for a network that ends in its features."""
    multi_label: bool = False
    """Whether any number of the classes may hold, each with a logit of its own sigmoid."""

    head: HeadKind = "linear"
    hidden: int = 512
    """Width of the head's hidden layer, where it has one."""
    dropout: float = 0.5
    """Share of what the hidden layer gives that training drops; ``fastai`` drops half that of its input too."""
    folded: bool = True
    """Whether the backbone's batch norms are part of its convolutions."""

    @model_serializer(mode="wrap")
    def _without_the_usual(self, write: SerializerFunctionWrapHandler) -> dict[str, Any]:
        """Leave out what is as usual, so that a description from before there was a choice is what it always was."""
        facts: dict[str, Any] = write(self)
        fields = type(self).model_fields.items()
        usual = {name: field.default for name, field in fields if not field.is_required()}
        return {name: value for name, value in facts.items() if name not in usual or value != usual[name]}


def save(folder: Path, network: nn.Module, description: Description) -> None:
    """Write ``model.safetensors`` and ``network.json``."""
    state = {key: value.detach().cpu().contiguous() for key, value in network.state_dict().items()}
    (folder / "model.safetensors").write_bytes(safetensors.torch.save(state))
    atomic.write_json(folder / "network.json", description.model_dump())


def describe(folder: Path) -> Description:
    """Read ``network.json``."""
    return Description.model_validate(json.loads((folder / "network.json").read_text(encoding="utf-8")))


def read_state(folder: Path) -> dict[str, torch.Tensor]:
    """Read ``model.safetensors``."""
    return safetensors.torch.load_file(folder / "model.safetensors")


def load_into(module: nn.Module, state: dict[str, torch.Tensor], folder: Path) -> None:
    """Give a module weights that must fit it exactly.

    Raises:
        WeightsError: a tensor is missing, unexpected, or of another shape.
    """
    try:
        module.load_state_dict(state)
    except RuntimeError as error:
        raise WeightsError(f"{folder}/model.safetensors does not fit {folder}/network.json: {error}") from error
