"""A network built without memory for its parameters: they come from a file."""

from collections.abc import Callable

import torch
from torch import nn
from torch.nn.modules.module import register_module_parameter_registration_hook


def skeleton(build: Callable[[], nn.Module]) -> nn.Module:
    """Build a network whose parameters are on the meta device and whose other tensors are real.

    What a network computes for itself when it is built, such as tables of relative positions or the
    widths of its stages, is in no file and must be true. No random number of the caller's is drawn.
    """
    with torch.random.fork_rng(devices=[]):
        model = _weightless(build)
        if model is None or any(buffer.is_meta for buffer in model.buffers()):
            # a few compute with their parameters, or make tensors where these are
            model = build()
            model._apply(lambda tensor: tensor.to("meta") if isinstance(tensor, nn.Parameter) else tensor)
    return model.eval()


def allocated(model: nn.Module) -> nn.Module:
    """Give the parameters of a skeleton memory on the CPU, filled with zeros."""
    model._apply(lambda tensor: torch.zeros_like(tensor, device="cpu") if tensor.is_meta else tensor)
    return model


def _weightless(build: Callable[[], nn.Module]) -> nn.Module | None:
    """Build with parameters that go to the meta device one by one; None where the network needs their numbers."""
    handle = register_module_parameter_registration_hook(_without_memory)  # type: ignore[arg-type]
    try:
        return build()
    except RuntimeError:
        return None
    finally:
        handle.remove()


def _without_memory(_: nn.Module, __: str, parameter: nn.Parameter | None) -> nn.Parameter | None:
    return None if parameter is None else nn.Parameter(parameter.to("meta"), parameter.requires_grad)
