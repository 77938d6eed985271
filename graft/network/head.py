"""The head: what graft puts on a pretrained network."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import safetensors.torch
import torch
from numpy.typing import NDArray
from pydantic import SerializerFunctionWrapHandler, model_serializer
from torch import nn

from graft.core.errors import WeightsError
from graft.core.files import write_json
from graft.core.params import Section
from graft.data.arrays import Embeddings
from graft.network.config import HeadKind, Pool, Precision


class Description(Section):
    """All that is needed to build a network again, beside its weights."""

    backbone: str
    mean: list[float]
    std: list[float]
    layers: list[str]
    pools: list[Pool]
    standardise: bool
    """Whether every image's own brightness and contrast are taken out."""
    size: int
    """Side in pixels of the images that the network is evaluated at."""
    classes: list[str]
    """In the order of the logits; empty for a network that ends in its features."""
    multi_label: bool = False
    """Whether any number of the classes may hold, each with a logit of its own sigmoid."""

    head: HeadKind = "linear"
    hidden: int = 512
    """Width of the head's hidden layer, where it has one."""
    dropout: float = 0.5
    """Share of what the hidden layer gives that training drops; ``fastai`` drops half that of its input too."""
    finetuned: bool = False
    """Whether the whole network was trained on from its head, instead of being the pretrained one with that head."""
    folded: bool = True
    """Whether the backbone's batch norms are part of its convolutions."""
    refit: bool = False
    """Whether it learnt from the valid images as well: they then say nothing of how good it is."""
    processes: str = "1 x cpu"
    """How many processes fine-tuned it, and on which devices."""
    precision: Precision = "fp32"
    """What the features that the head is fitted to were computed in."""
    bf16_error: float | None = None
    """Error of bf16 on these images, as `graft.network.precision` measures it; None where it was not tried."""
    members: list["Description"] = []
    """Of several networks side by side, which end in their features: each sees the images as its own pretraining did,
    and `mean`, `std`, `standardise`, `layers` and `pools` above change nothing."""
    ensemble: bool = False
    """Whether its members are those of a network before it was fine-tuned, and then those of it afterwards."""

    @model_serializer(mode="wrap")
    def _without_defaults(self, write: SerializerFunctionWrapHandler) -> dict[str, Any]:
        """Leave out what is as usual, so that a new choice changes no description of networks that do without it."""
        values: dict[str, Any] = write(self)
        fields = type(self).model_fields.items()
        defaults = {name: field.default for name, field in fields if not field.is_required()}
        return {name: value for name, value in values.items() if name not in defaults or value != defaults[name]}


REFIT = "refit"
"""Folder within the head's: the same head fitted to train and valid, which is handed on, if it was asked for."""


def save(folder: Path, network: nn.Module, description: Description) -> None:
    """Write ``model.safetensors`` and ``network.json``."""
    state = {key: value.detach().cpu().contiguous() for key, value in network.state_dict().items()}
    (folder / "model.safetensors").write_bytes(safetensors.torch.save(state))
    write_json(folder / "network.json", description.model_dump())


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


CHUNK = 4096
"""Rows of features read at once."""


class Head(nn.Module):
    """Features to logits, in one of three ways.

    ``linear`` standardises the features as the training images' were, by the buffers `mean` and
    `scale`, and classifies linearly. ``mlp`` standardises them too and has a hidden layer: linear,
    GELU, dropout. ``fastai`` is what fastai puts after its pooling: batch norm, dropout of half
    the rate, linear, ReLU, batch norm, dropout. fastai's pooling itself, mean and maximum side by
    side, is `embed.layers` of the backbone's last layer with `embed.pools` of mean and max.

    Attributes:
        hidden: the layers before `linear`, which gives the logits; in a linear head only a dropout.

    Args:
        features: numbers an image.
        classes: logits an image.
        kind: which of the three.
        hidden: width of the hidden layer, where there is one.
        dropout: share of its outputs that training drops.

    Source: create_head and LinBnDrop of fastai 2, https://docs.fast.ai/vision.learner.html. Theirs
    have no bias after a batch norm, which has one; these have, and the last begins at the classes' odds.
    """

    def __init__(
        self, features: int, classes: int, kind: HeadKind = "linear", hidden: int = 512, dropout: float = 0.5
    ) -> None:
        super().__init__()
        self.features = features
        self.kind = kind
        if kind != "fastai":
            self.mean: torch.Tensor
            self.scale: torch.Tensor
            self.register_buffer("mean", torch.zeros(features))
            self.register_buffer("scale", torch.ones(features))
        self.hidden = nn.Sequential(nn.Dropout(0.0))  # drops nothing while the head is fitted; fine-tuning may
        if kind == "mlp":
            self.hidden = nn.Sequential(nn.Linear(features, hidden), nn.GELU(), nn.Dropout(dropout))
        if kind == "fastai":
            first, second = nn.BatchNorm1d(features), nn.BatchNorm1d(hidden)
            inner = nn.Linear(features, hidden)
            nn.init.kaiming_normal_(inner.weight)
            self.hidden = nn.Sequential(first, nn.Dropout(dropout / 2), inner, nn.ReLU(), second, nn.Dropout(dropout))
        self.linear = nn.Linear(features if kind == "linear" else hidden, classes)

    def forward(self, features: torch.Tensor) -> torch.Tensor:
        """Map features `[B, D]` to logits `[B, K]`."""
        if self.kind != "fastai":
            features = (features - self.mean) / self.scale
        logits: torch.Tensor = self.linear(self.hidden(features))
        return logits


def linear_head(weight: torch.Tensor, bias: torch.Tensor, moments: tuple[torch.Tensor, torch.Tensor]) -> Head:
    """Make a linear head of weights that were fitted.

    Args:
        weight: `[D, K]`, of standardised features.
        bias: `[K]`.
        moments: mean and deviation of each feature to standardise by, `[D]` both.
    """
    head = Head(*weight.shape)
    head.mean, head.scale = moments
    with torch.no_grad():
        head.linear.weight.copy_(weight.T)
        head.linear.bias.copy_(bias)
    return head.eval()


def make_head(description: Description, features: int, classes: int) -> Head:
    """Make a head of the kind described, with fresh weights."""
    return Head(features, classes, description.head, description.hidden, description.dropout)


def head_like(description: Description, state: dict[str, torch.Tensor], prefix: str = "") -> Head:
    """Make the head that saved weights are of.

    Args:
        prefix: what stands before the head's own names in `state`.

    Raises:
        WeightsError: there is no such head among the weights.
    """
    first = prefix + ("hidden.0.weight" if description.head == "fastai" else "mean")
    if first not in state:
        raise WeightsError(f"the weights hold no {first}, which a head of kind {description.head!r} has")
    return make_head(description, len(state[first]), len(description.classes))


def load_head(folder: Path) -> tuple[Head, Description]:
    """Load a head that was saved on its own.

    Raises:
        WeightsError: the file does not hold exactly a head of this description.
    """
    description = describe(folder)
    state = read_state(folder)
    head = head_like(description, state)
    load_into(head, state, folder)
    return head.eval(), description


def handed_on(folder: Path) -> Path:
    """The folder of the head to use, in that of `train-head`: the refitted one, where there is one."""
    return folder / REFIT if (folder / REFIT).is_dir() else folder


@torch.inference_mode()
def head_logits(head: Head, embeddings: Embeddings, rows: NDArray[np.int64]) -> NDArray[np.float32]:
    """Logits `[N, K]` of the stored features of some images, unflipped: what the head alone answers."""
    parts = np.array_split(rows, max(1, -(-len(rows) // CHUNK)))
    device = head.linear.weight.device
    logits = [head(torch.from_numpy(embeddings.plain(part)).to(device)) for part in parts]
    return torch.cat(logits).cpu().numpy()
