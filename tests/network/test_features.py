"""Features are one vector an image, whatever the body ends in and however its layers lay out positions."""

from typing import Any

import pytest
import torch
from torch import nn

from graft.core.errors import ParamsError
from graft.network.features import Features, Layout, find_layout


class Body(nn.Module):
    """A body with the attributes that timm's have."""

    def __init__(self, **attributes: object) -> None:
        super().__init__()
        for name, value in attributes.items():
            setattr(self, name, value)


@pytest.fixture
def images() -> torch.Tensor:
    return torch.randn((2, 3, 8, 8), generator=torch.Generator().manual_seed(0))


@pytest.fixture
def grid() -> torch.Tensor:
    return torch.randn((2, 5, 4, 4), generator=torch.Generator().manual_seed(0))


def tokens(grid: torch.Tensor, prefix: int) -> torch.Tensor:
    return torch.cat([torch.full((2, prefix, 5), 99.0), grid.flatten(2).transpose(1, 2)], 1)


@pytest.mark.parametrize(
    ("attributes", "lay", "wanted"),
    [
        ({}, lambda grid: grid, Layout("first", 4)),
        ({}, lambda grid: grid.permute(0, 2, 3, 1), Layout("last", 4)),
        ({"output_fmt": "NHWC"}, lambda grid: grid.permute(0, 2, 3, 1), Layout("last", 4)),
        ({}, lambda grid: tokens(grid, 0), Layout("tokens", 4)),
        ({"num_prefix_tokens": 2}, lambda grid: tokens(grid, 2), Layout("tokens", 4, 2)),
        ({"num_prefix_tokens": 5}, lambda grid: tokens(grid, 5), Layout("tokens", 4, 5)),
        ({"class_token": nn.Parameter(torch.zeros(1))}, lambda grid: tokens(grid, 1), Layout("tokens", 4, 1)),
        ({"num_prefix_tokens": 1}, lambda grid: tokens(grid, 0), Layout("tokens", 4)),  # a class token may join late
    ],
)
def test_outputs_become_a_grid_are_pooled_and_go_back(
    attributes: dict[str, Any], lay: Any, wanted: Layout, grid: torch.Tensor
) -> None:
    output = lay(grid)
    layout = find_layout(Body(**attributes), output)
    assert layout == wanted
    assert torch.equal(layout.grid(output), grid)
    assert torch.equal(layout.restored(layout.grid(output), output), output)
    mean, most = layout.pool(output, ["mean", "max"])
    torch.testing.assert_close(mean, grid.mean((2, 3)))
    assert torch.equal(most, grid.amax((2, 3)))
    if layout.prefix:
        assert torch.equal(layout.pool(output, ["token"])[0], output[:, 0])


def test_the_body_decides_where_as_many_channels_as_positions_a_side() -> None:
    cube = torch.zeros(2, 4, 4, 4)
    assert find_layout(Body(), cube) == Layout("first", 4)
    assert find_layout(Body(output_fmt="NHWC"), cube) == Layout("last", 4)


NO_GRIDS = [
    (torch.zeros(2, 7), r"'layer' gives \[2, 7\], no square grid of features"),
    (torch.zeros(2, 3, 4, 5), r"'layer' gives \[2, 3, 4, 5\], no square grid"),
    (torch.zeros(2, 7, 5), r"'layer' gives \[2, 7, 5\], no square grid"),
    (torch.zeros(2, 3, 4, 4, 4), r"'layer' gives \[2, 3, 4, 4, 4\], no square grid"),
    ((torch.zeros(2, 3, 4, 4), (4, 4)), "'layer' gives a tuple, no grid of features"),
    (None, "'layer' gives a NoneType"),
]


@pytest.mark.parametrize(("output", "message"), NO_GRIDS)
def test_what_is_no_grid_is_refused(output: object, message: str) -> None:
    assert find_layout(Body(class_token=True), output) is None
    features = Features(nn.ModuleDict({"layer": nn.Identity()}), ["layer"], ["mean"])
    with pytest.raises(ParamsError, match="embed.layers: " + message):
        features._pool(output, "layer", ["mean"])


def test_a_layer_without_class_token_is_not_pooled_by_one(grid: torch.Tensor) -> None:
    features = Features(nn.ModuleDict({"layer": nn.Identity()}), ["layer"], ["token", "mean"])
    with pytest.raises(ParamsError, match=r"embed.pools: 'layer' gives \[2, 5, 4, 4\], no class token"):
        features._pool(grid, "layer", features.pools)


@pytest.mark.parametrize("shape", [(2, 5, 1, 1), (2, 1, 1, 5), (2, 1, 5)])
def test_a_single_position_is_a_grid_to_pool_and_no_more(shape: tuple[int, ...]) -> None:
    assert find_layout(Body(), torch.zeros(shape)) is None
    assert find_layout(Body(), torch.zeros(shape), min_side=1) is not None


def test_body_that_ends_in_a_grid_is_pooled(images: torch.Tensor) -> None:
    body = nn.Sequential(nn.Conv2d(3, 5, 3))
    features = Features(body, ["0"], ["max"])(images)
    assert torch.equal(features, torch.cat([body(images).mean((2, 3)), body(images).amax((2, 3))], 1))


def test_an_unknown_layer_names_those_there_are() -> None:
    body = nn.Sequential(nn.Conv2d(3, 5, 3), nn.ReLU())
    with pytest.raises(ParamsError, match=r"^embed.layers: the backbone has no layer 'blocks.5'; it is made of 0, 1$"):
        Features(body, ["blocks.5"], ["mean"])


def test_layer_that_does_not_run_is_refused(images: torch.Tensor) -> None:
    body = nn.Sequential(nn.Conv2d(3, 5, 3), nn.Flatten())
    body[0].unused = nn.Linear(1, 1)
    with pytest.raises(ParamsError, match=r"'0\.unused' gives a NoneType"):
        Features(body, ["0.unused"], ["mean"])(images)
