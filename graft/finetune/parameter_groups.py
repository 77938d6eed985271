"""Which parameters train, and how fast: freezing by name, rates that fall towards the stem."""

import re
from collections.abc import Sequence
from contextlib import suppress
from typing import Any

import torch
from torch import nn

from graft.backbone import timm_models
from graft.core.errors import ParamsError
from graft.finetune.config import Unfreeze
from graft.network.network import Network

MIN_STAGES = 4
"""A network of fewer stages than this is looked into a level deeper."""


_Part = tuple[str, nn.Module | None, list[str]]
"""A module with its name and those of its parameters, or parameters that a module holds beside others (then None)."""


def by_depth(body: nn.Module) -> dict[int, list[str]]:
    """Group the names of a network's parameters by depth, from 0 at the stem up without gaps.

    timm groups its own architectures. Others are grouped by their stages, in the order in which they
    are registered, which in torchvision is that in which they run; norms and single parameters
    count with the layer before them.
    """
    if hasattr(body, "group_matcher"):
        with suppress(AssertionError):  # so it says that it has no coarse grouping
            return timm_models.by_depth(body)
    return dict(enumerate(_stages(body)))


def _stages(body: nn.Module) -> list[list[str]]:
    """Open containers level by level until there are enough stages, or nothing more to open."""
    parts = _open("", body, [])
    while len(_joined(parts, body)) < MIN_STAGES:
        opened = [inner for part in parts for inner in _open(*part)]
        if len(opened) == len(parts):
            break
        parts = opened
    return _joined(parts, body)


def _open(name: str, module: nn.Module | None, parameters: list[str]) -> list[_Part]:
    """The parts of a container, its own parameters first; a layer is its own only part."""
    children = dict(module.named_children()) if module is not None else {}
    inner = {key: [f"{name}{key}.{own}" for own, _ in child.named_parameters()] for key, child in children.items()}
    if module is None or not any(inner.values()):
        return [(name, module, parameters)]
    own = [name + key for key, _ in module.named_parameters(recurse=False)]
    parts: list[_Part] = [(name, None, own)] if own else []
    return parts + [(f"{name}{key}.", children[key], held) for key, held in inner.items() if held]


def _joined(parts: list[_Part], body: nn.Module) -> list[list[str]]:
    """Join what is no stage of its own to the part before it, or to the first if there is none."""
    by_name = dict(body.named_parameters())
    stages: list[list[str]] = []
    waiting: list[str] = []
    for _, module, parameters in parts:
        if module is not None and any(by_name[name].ndim > 1 for name in parameters):
            stages.append(waiting + parameters)
            waiting = []
        elif stages:
            stages[-1] += parameters
        else:
            waiting += parameters
    return stages + ([waiting] if waiting else [])


def match_parameters(bodies: Sequence[nn.Module], pattern: str, key: str) -> list[nn.Parameter]:
    """Parameters of bodies whose name begins with a match of a pattern, which the user set at a key.

    A layer without parameters may be named: such is a batch norm that was folded into its convolution.

    Raises:
        ParamsError: the pattern matches no parameter and no layer.
    """
    names = [named for body in bodies for named in body.named_parameters()]
    matched = [parameter for name, parameter in names if re.match(pattern, name)]
    modules = (f"{name}." for body in bodies for name, _ in body.named_modules() if name)
    if not matched and not any(re.match(pattern, name) for name in modules):
        layers = ", ".join(sorted({name.split(".")[0] for name, _ in names}))
        raise ParamsError(f"{key}: {pattern!r} matches no parameter; the backbone has {layers}")
    return matched


def _bodies(network: Network) -> list[nn.Module]:
    return [part.body for part in network.parts.values()]


def freeze(network: Network, patterns: list[str], unfreeze: Sequence[Unfreeze] = ()) -> None:
    """Stop gradients of every body parameter that a pattern matches, unless it joins in later.

    What joins in later is the training's to hold back: the optimizer must know it from the beginning.

    Raises:
        ParamsError: a pattern matches nothing.
    """
    for pattern in patterns:
        for parameter in match_parameters(_bodies(network), pattern, "finetune.freeze"):
            parameter.requires_grad_(False)
    for parameter in unfreeze_epochs(network, unfreeze):
        parameter.requires_grad_(True)


def unfreeze_epochs(network: Network, unfreeze: Sequence[Unfreeze]) -> dict[nn.Parameter, int]:
    """First epoch of every parameter that joins in later; where several patterns match it, the latest.

    Raises:
        ParamsError: a pattern matches nothing.
    """
    first: dict[nn.Parameter, int] = {}
    for part in unfreeze:
        for parameter in match_parameters(_bodies(network), part.pattern, "finetune.unfreeze"):
            first[parameter] = max(part.epoch, first.get(parameter, 0))
    return first


def parameter_groups(network: Network, peak: float, ratio: float, weight_decay: float) -> list[dict[str, Any]]:
    """Group trainable parameters by depth, each with the peak of its learning rate.

    From the head to the stem, peaks fall geometrically from `peak` to `peak / ratio`. Biases and
    other vectors take no weight decay.

    A matrix of the head sums over all of its `D` inputs at once, so it takes a step smaller by the
    square root of `D`: every group then changes the logits by the same order.

    Source: Howard and Ruder 2018, discriminative fine-tuning, https://arxiv.org/abs/1801.06146; the
    head's step: the NTK parametrisation, Jacot et al. 2018, https://arxiv.org/abs/1806.07572.
    """
    assert network.head is not None
    groups: list[dict[str, Any]] = []
    for prefix, part in network.parts.items():
        depths, parameters = by_depth(part.body), dict(part.body.named_parameters())
        for index, depth in enumerate(depths):
            rate, inside = peak / ratio ** (1 - index / len(depths)), [parameters[name] for name in depths[depth]]
            groups += _with_decay(f"body.{prefix}{depth}", inside, rate, weight_decay)
    # the head: each matrix by the root of what it sums over, all vectors at the peak itself
    layers = [module for module in network.head.modules() if isinstance(module, nn.Linear)]
    for number, layer in enumerate(layers):
        name = "head" if len(layers) == 1 else f"head.{number}"
        groups += _with_decay(name, [layer.weight], peak / layer.in_features**0.5, weight_decay)
    vectors = [parameter for parameter in network.head.parameters() if parameter.ndim <= 1]
    return groups + _with_decay("head.bias", vectors, peak, 0.0)


def merge_groups(groups: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Join groups of equal rate and weight decay, which an optimizer may walk as one; each keeps its `names`."""
    merged: dict[tuple[float, ...], dict[str, Any]] = {}
    for group in groups:
        rates = {key: group[key] for key in ("lr", "weight_decay")}
        into = merged.setdefault(tuple(rates.values()), {"names": [], "params": []} | rates)
        into["names"].append(group["name"])
        into["params"] += group["params"]
    return list(merged.values())


def _with_decay(name: str, parameters: Sequence[torch.Tensor], rate: float, decay: float) -> list[dict[str, Any]]:
    """Split one depth into what decays and what does not; what is frozen or empty is left out."""
    trained = [parameter for parameter in parameters if parameter.requires_grad]
    halves = (decay, [p for p in trained if p.ndim > 1]), (0.0, [p for p in trained if p.ndim <= 1])
    return [{"name": name, "params": inside, "lr": rate, "weight_decay": value} for value, inside in halves if inside]
