"""What graft asks of a library of architectures, and networks built without memory for their parameters."""

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Protocol

import torch
from torch import nn
from torch.nn.modules.module import register_module_parameter_registration_hook


@dataclass(frozen=True)
class Preprocessing:
    """Mean and standard deviation a channel of the pixels in [0, 1] that weights were trained on."""

    mean: list[float]
    std: list[float]


@dataclass(frozen=True)
class Published:
    """One entry of a library's table of weights."""

    address: str
    preprocessing: Preprocessing


class Library(Protocol):
    """Architectures by name; `timm_models` and `torchvision_models` are two."""

    def names(self) -> list[str]:
        """All classifiers it has."""

    def body(self, name: str, drop_path: float) -> nn.Module:
        """Build an architecture on the meta device, without classifier, that gives `[B, D]`."""

    def whole(self, name: str) -> nn.Module:
        """Build an architecture on the meta device, with all that a published file has tensors for."""

    def native_size(self, name: str) -> int:
        """Side in pixels of the images that it was made for."""

    def preprocessing(self, name: str) -> Preprocessing:
        """What its usual published weights expect."""

    def converted(self, name: str, state: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
        """Bring a state dict of another form that the library knows to the names of `whole`; others stay."""


def meta_init(build: Callable[[], nn.Module]) -> nn.Module:
    """Build a network whose parameters are on the meta device and whose other tensors are real.

    What a network computes for itself when it is built, such as tables of relative positions or the
    widths of its stages, is in no file and must be true. No random number of the caller's is drawn.
    """
    model = None
    with torch.random.fork_rng(devices=[]):
        with (
            suppress(RuntimeError),
            register_module_parameter_registration_hook(_without_memory),  # type: ignore[arg-type]
        ):
            model = build()
        if model is None or any(buffer.is_meta for buffer in model.buffers()):
            # a few compute with their parameters, or make tensors where these are
            model = build()
            model._apply(lambda tensor: tensor.to("meta") if isinstance(tensor, nn.Parameter) else tensor)
    return model.eval()


def allocate(model: nn.Module) -> nn.Module:
    """Give parameters on the meta device memory on the CPU, filled with zeros."""
    model._apply(lambda tensor: torch.zeros_like(tensor, device="cpu") if tensor.is_meta else tensor)
    return model


def _without_memory(_: nn.Module, __: str, parameter: nn.Parameter | None) -> nn.Parameter | None:
    return None if parameter is None else nn.Parameter(parameter.to("meta"), parameter.requires_grad)
