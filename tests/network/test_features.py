"""Features are one vector a picture, whatever the body ends in."""

import pytest
import torch
from torch import nn

from graft.core.errors import ParamsError
from graft.network.features import Features


@pytest.fixture
def images() -> torch.Tensor:
    return torch.randn((2, 3, 8, 8), generator=torch.Generator().manual_seed(0))


def test_body_that_ends_in_a_grid_is_pooled(images: torch.Tensor) -> None:
    body = nn.Sequential(nn.Conv2d(3, 5, 3))
    features = Features(body, ["0"], ["max"])(images)
    assert torch.equal(features, torch.cat([body(images).mean((2, 3)), body(images).amax((2, 3))], 1))


def test_unknown_layer_tells_what_there_is() -> None:
    body = nn.Sequential(nn.Conv2d(3, 5, 3), nn.ReLU())
    with pytest.raises(ParamsError, match=r"^embed.layers: the backbone has no layer 'blocks.5'; it is made of 0, 1$"):
        Features(body, ["blocks.5"], ["mean"])


def test_layer_that_does_not_run_is_refused(images: torch.Tensor) -> None:
    body = nn.Sequential(nn.Conv2d(3, 5, 3), nn.Flatten())
    body[0].unused = nn.Linear(1, 1)
    with pytest.raises(ParamsError, match=r"'0\.unused' gives a NoneType"):
        Features(body, ["0.unused"], ["mean"])(images)
