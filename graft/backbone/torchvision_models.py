"""torchvision: its classification architectures, its table of pretrained weights."""

import copy
import functools
import re
from functools import partial
from types import MethodType
from typing import Any

import torch
from torch import nn

from graft.backbone.classifier import find_classifier
from graft.backbone.meta_init import skeleton
from graft.backbone.published import Preprocessing, Published
from graft.backbone.torchvision_ops import declare_missing
from graft.core.errors import ParamsError, WeightsError, nearest

declare_missing()

import torchvision  # noqa: E402 - must come after the declarations
from torchvision.models import get_model, get_model_weights, get_weight, list_models  # noqa: E402
from torchvision.ops import StochasticDepth  # noqa: E402

SCHEME = "torchvision://"

PORTED = {"init_weights": False, "transform_input": True}
"""Their published weights come from TensorFlow, and with them goes a second normalisation inside the network."""
OPTIONS: dict[str, dict[str, Any]] = {"googlenet": PORTED, "inception_v3": PORTED}
"""What torchvision's builders set for published weights only."""


@functools.cache
def names() -> list[str]:
    """All classification architectures of torchvision."""
    found: list[str] = list_models(module=torchvision.models)
    return found


def body(name: str, drop_path: float) -> nn.Module:
    """Build an architecture without classifier.

    Raises:
        ParamsError: stochastic depth is asked for, and it has none.
    """
    model = _built(name, {"aux_logits": False} if name in OPTIONS else {})
    example = torch.zeros((2, 3, side(name), side(name)), device="meta")
    parent, _, child = find_classifier(copy.deepcopy(model).to("meta"), example).rpartition(".")
    setattr(model.get_submodule(parent), child, nn.Identity())
    _set_drop_path(model, name, drop_path)
    return model


def whole(name: str) -> nn.Module:
    """Build an architecture with its classifier and, where published files have them, its auxiliary ones."""
    return _built(name, {})


def side(name: str) -> int:
    """Side in pixels of the pictures that its published weights were measured on."""
    return int(get_model_weights(name).DEFAULT.transforms().crop_size[0])


def preprocessing(name: str) -> Preprocessing:
    """What its default published weights expect."""
    return _preprocessing(get_model_weights(name).DEFAULT)


def published(reference: str, name: str) -> Published:
    """Look weights up in torchvision's table.

    Args:
        reference: such as ``ResNet34_Weights.IMAGENET1K_V1``, or ``DEFAULT`` or another entry of the
            architecture's own.
        name: of that architecture, for an entry alone.

    Raises:
        WeightsError: torchvision names no such weights.
    """
    if "." not in reference and name in names():
        reference = f"{get_model_weights(name).__name__}.{reference}"
    known = [str(entry) for other in names() for entry in get_model_weights(other)]
    family, _, entry = reference.partition(".")
    families = {one.partition(".")[0] for one in known}
    if reference not in known and not (entry == "DEFAULT" and family in families):
        raise WeightsError(f"backbone.weights: torchvision has no weights {reference!r}{nearest(reference, known)}")
    weights = get_weight(reference)
    return Published(weights.url, _preprocessing(weights))


def converted(name: str, state: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """Bring the names of torchvision's published DenseNet files to those of its networks.

    Source: torchvision's own loader of these files; names with a dot inside come from before torch 0.4.
    """
    return {re.sub(r"\b(norm|relu|conv)\.([12])\.", r"\1\2.", key): tensor for key, tensor in state.items()}


def _built(name: str, further: dict[str, Any]) -> nn.Module:
    model = skeleton(partial(get_model, name, weights=None, **_options(name), **further))
    if isinstance(model, torchvision.models.MNASNet):  # it asks for a version number, which only pickles carry
        setattr(model, "_load_from_state_dict", MethodType(nn.Module._load_from_state_dict, model))  # noqa: B010
    return model


def _options(name: str) -> dict[str, Any]:
    if name.startswith("vit_"):  # its table of positions has an entry a patch
        return {"image_size": side(name)}
    return OPTIONS.get(name, {})


def _preprocessing(weights: Any) -> Preprocessing:
    told = weights.transforms()
    return Preprocessing(list(told.mean), list(told.std))


def _set_drop_path(model: nn.Module, name: str, drop_path: float) -> None:
    """Let blocks be left out in training: the deepest at the rate given, those before it in torchvision's proportion.

    Builders differ in whether they take a rate, and have one of their own unless told otherwise.
    """
    blocks = [module for module in model.modules() if isinstance(module, StochasticDepth)]
    if drop_path and not blocks:
        raise ParamsError(f"drop_path: {name} has no stochastic depth; it takes 0, not {drop_path}")
    deepest = max((block.p for block in blocks), default=0.0)
    for block in blocks:
        block.p = drop_path * block.p / deepest
