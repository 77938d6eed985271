"""Find the classifier of a network that has no means of its own to take it off."""

import torch
from torch import nn

from graft.core.errors import WeightsError


def find_classifier(model: nn.Module, example: torch.Tensor) -> str:
    """Name the layer that makes the logits: the last with parameters to run in a forward pass.

    What may follow it has no parameters: nothing at all, or a pooling of logits as in SqueezeNet.

    Args:
        model: in evaluation mode, on the meta device.
        example: `[B, 3, H, W]`, a size that it takes, on the meta device.

    Raises:
        WeightsError: that layer is no linear one, or does not make the network's outputs.
    """
    ran: list[tuple[str, nn.Module, tuple[int, ...]]] = []
    handles = []
    for name, module in model.named_modules():
        if next(module.children(), None) is None and next(module.parameters(), None) is not None:

            def note(module: nn.Module, _: object, output: torch.Tensor, name: str = name) -> None:
                ran.append((name, module, tuple(output.shape)))

            handles.append(module.register_forward_hook(note))
    try:
        outputs = model(example)
    finally:
        for handle in handles:
            handle.remove()
    name, layer, shape = ran[-1]
    if not _is_linear(layer) or shape[:2] != tuple(outputs.shape):
        raise WeightsError(
            f"backbone.name: the last layer of {type(model).__name__} is {name!r}, a {type(layer).__name__} that gives "
            f"{list(shape)}; expected a linear layer that gives its outputs {list(outputs.shape)}"
        )
    return name


def _is_linear(layer: nn.Module) -> bool:
    """Whether a layer maps channels to channels, position by position."""
    return isinstance(layer, nn.Linear) or (isinstance(layer, nn.Conv2d) and layer.kernel_size == (1, 1))
