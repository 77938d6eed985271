"""How far from the stem a parameter lies: layers near it know more that holds for any picture."""

from contextlib import suppress
from dataclasses import dataclass

from torch import nn

from graft.model import timm_models

FEW = 4
"""A network of fewer stages than this is looked into a level deeper."""


@dataclass(frozen=True)
class _Part:
    """A module, or parameters that a module of several parts holds beside them (then there is no module)."""

    name: str
    module: nn.Module | None
    parameters: list[str]


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
    parts = _open(_Part("", body, []))
    while len(_joined(parts, body)) < FEW:
        opened = [inner for part in parts for inner in _open(part)]
        if len(opened) == len(parts):
            break
        parts = opened
    return _joined(parts, body)


def _open(part: _Part) -> list[_Part]:
    """The parts of a container, its own parameters first; a layer is its own only part."""
    if part.module is None or not any(_holds(child) for child in part.module.children()):
        return [part]
    start = f"{part.name}." if part.name else ""
    own = [start + name for name, _ in part.module.named_parameters(recurse=False)]
    parts = [_Part(part.name, None, own)] if own else []
    for name, child in part.module.named_children():
        if _holds(child):
            inner = [f"{start}{name}.{key}" for key, _ in child.named_parameters()]
            parts.append(_Part(start + name, child, inner))
    return parts


def _joined(parts: list[_Part], body: nn.Module) -> list[list[str]]:
    """Join what is no stage of its own to the part before it, or to the first if there is none."""
    numbers = dict(body.named_parameters())
    stages: list[list[str]] = []
    waiting: list[str] = []
    for part in parts:
        if part.module is not None and any(numbers[name].ndim > 1 for name in part.parameters):
            stages.append(waiting + part.parameters)
            waiting = []
        elif stages:
            stages[-1] += part.parameters
        else:
            waiting += part.parameters
    return stages + ([waiting] if waiting else [])


def _holds(module: nn.Module) -> bool:
    return next(module.parameters(), None) is not None
