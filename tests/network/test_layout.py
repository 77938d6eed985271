"""Every layout of a layer's output becomes one grid, and goes back to what it was."""

import pytest
import torch
from torch import nn

from graft.network.features import Layout, Layouts


class Body(nn.Module):
    """A body that says what timm's say."""

    def __init__(self, **told: object) -> None:
        super().__init__()
        for name, value in told.items():
            setattr(self, name, value)


@pytest.fixture
def grid() -> torch.Tensor:
    return torch.randn((2, 5, 4, 4), generator=torch.Generator().manual_seed(0))


def tokens(grid: torch.Tensor, prefix: int) -> torch.Tensor:
    return torch.cat([torch.full((2, prefix, 5), 9.0), grid.flatten(2).transpose(1, 2)], 1)


@pytest.mark.parametrize(
    ("told", "lay", "wanted"),
    [
        ({}, lambda grid: grid, Layout("first", 4)),
        ({}, lambda grid: grid.permute(0, 2, 3, 1), Layout("last", 4)),
        ({"output_fmt": "NHWC"}, lambda grid: grid.permute(0, 2, 3, 1), Layout("last", 4)),
        ({}, lambda grid: tokens(grid, 0), Layout("tokens", 4)),
        ({"num_prefix_tokens": 5}, lambda grid: tokens(grid, 5), Layout("tokens", 4, 5)),
        ({"class_token": True}, lambda grid: tokens(grid, 1), Layout("tokens", 4, 1)),
        ({"num_prefix_tokens": 1}, lambda grid: tokens(grid, 0), Layout("tokens", 4)),
    ],
)
def test_outputs_become_a_grid_and_go_back(told, lay, wanted, grid: torch.Tensor) -> None:  # type: ignore[no-untyped-def]
    output = lay(grid)
    layout = Layouts(Body(**told)).of(output)
    assert layout is not None
    assert layout == wanted
    assert torch.equal(layout.grid(output), grid)
    assert torch.equal(layout.restored(layout.grid(output), output), output)


def test_body_tells_where_as_many_channels_as_positions_a_side() -> None:
    cube = torch.zeros(2, 4, 4, 4)
    assert Layouts(Body()).of(cube) == Layout("first", 4)
    assert Layouts(Body(output_fmt="NHWC")).of(cube) == Layout("last", 4)


@pytest.mark.parametrize(
    "output",
    [
        torch.zeros(2, 7),
        torch.zeros(2, 3, 4, 5),
        torch.zeros(2, 7, 5),
        torch.zeros(2, 5, 1, 1),
        torch.zeros(2, 1, 1, 5),
        torch.zeros(2, 1, 5),
        torch.zeros(2, 3, 4, 4, 4),
        (torch.zeros(2, 3, 4, 4),),
        None,
    ],
)
def test_what_is_no_grid_has_no_layout(output: object) -> None:
    assert Layouts(Body(class_token=True)).of(output) is None
