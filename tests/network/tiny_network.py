"""Weights made on the spot, for any architecture: seeded, and such that statistics and signs matter."""

from pathlib import Path

import torch
from safetensors.torch import save_file
from torch import nn

from graft.backbone.build import create, find
from graft.backbone.config import Backbone
from graft.backbone.weights import fetch_weights
from graft.network.fuse_bn import fold_batch_norms
from graft.network.head import Description

TINY = Description(
    backbone="test_efficientnet",
    mean=[0.5] * 3,
    std=[0.5] * 3,
    standardise=False,
    size=32,
    layers=[],
    pools=["mean"],
    classes=[],
)
"""Of a network around `tiny_body` that ends in its features."""


def full_state(name: str) -> dict[str, torch.Tensor]:
    """Names and shapes of an architecture's tensors with its own classifier."""
    architecture = find(name)
    return architecture.library.whole(architecture.name).state_dict()


def made(name: str) -> dict[str, torch.Tensor]:
    """A whole state dict of an architecture, classifier and all, whose features neither vanish nor explode."""
    generator = torch.Generator().manual_seed(0)
    return {key: _made(key, tensor, generator) for key, tensor in full_state(name).items()}


def fetched(name: str, suffix: str, folder: Path) -> dict[str, torch.Tensor]:
    """Make weights, fetch them into a folder, and return them."""
    state = made(name)
    file = folder / f"made{suffix}"
    if suffix == ".pth":
        torch.save({"state_dict": {f"module.{key}": tensor for key, tensor in state.items()}}, file)
    else:
        save_file(state, file)
    fetch_weights(Backbone(name=name, weights=str(file), licence="none"), folder)
    return state


def tiny_body(folded: bool = True) -> nn.Module:
    """The smallest EfficientNet, of 256 features, without classifier."""
    torch.manual_seed(0)
    body = create("test_efficientnet").to_empty(device="cpu")
    for parameter in body.parameters():
        nn.init.normal_(parameter, std=0.3)
    for module in body.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.reset_parameters()
    if folded:
        fold_batch_norms(body, torch.rand(2, 3, 32, 32))
    return body


def _made(key: str, tensor: torch.Tensor, generator: torch.Generator) -> torch.Tensor:
    if not tensor.is_meta and not key.endswith(("running_mean", "running_var")):
        return tensor.clone()  # a buffer that is no statistic is true already
    if key.endswith(("running_var", "norm.weight")) or (tensor.ndim == 1 and key.endswith("weight")):
        return torch.rand(tensor.shape, generator=generator) + 0.5
    if tensor.ndim < 2:
        return torch.randn(tensor.shape, generator=generator) * 0.1
    deviation: float = (2 / tensor[0].numel()) ** 0.5
    return torch.randn(tensor.shape, generator=generator) * deviation
