"""The classifier is found by what runs last, not by its name or place."""

import pytest
import torch
from torch import nn

from graft.backbone.classifier import find_classifier
from graft.core.errors import WeightsError


class Backwards(nn.Module):
    """Registers its classifier first, and a head that never runs last."""

    def __init__(self) -> None:
        super().__init__()
        self.top = nn.Linear(4, 10)
        self.bottom = nn.Conv2d(3, 4, 3)
        self.unused = nn.Linear(4, 10)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        logits: torch.Tensor = self.top(self.bottom(images).mean((2, 3)))
        return logits


@pytest.fixture
def example() -> torch.Tensor:
    return torch.zeros((2, 3, 8, 8))


def test_last_layer_to_run_is_found(example: torch.Tensor) -> None:
    assert find_classifier(Backwards(), example) == "top"


def test_logits_may_be_pooled_afterwards(example: torch.Tensor) -> None:
    model = nn.Sequential(nn.Conv2d(3, 4, 3), nn.Conv2d(4, 10, 1), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten())
    assert find_classifier(model, example) == "1"


@pytest.mark.parametrize(
    "last", [nn.Sequential(nn.Linear(4, 10), nn.LayerNorm(10)), nn.Sequential(nn.Unflatten(1, (4, 1)), nn.Linear(1, 5))]
)
def test_other_last_layers_are_refused(example: torch.Tensor, last: nn.Module) -> None:
    model = nn.Sequential(nn.Conv2d(3, 4, 3), nn.AdaptiveAvgPool2d(1), nn.Flatten(), last)
    with pytest.raises(WeightsError, match=r"the last layer of Sequential is '3\.1', a L"):
        find_classifier(model, example)


def test_hooks_are_gone_afterwards(example: torch.Tensor) -> None:
    model = Backwards()
    find_classifier(model, example)
    assert not any(module._forward_hooks for module in model.modules())
