"""Every layout of a layer's output is pooled over its positions, and never over its channels."""

import pytest
import torch
from torch import nn

from graft.core.errors import ParamsError
from graft.network.features import Positions


class Body(nn.Module):
    """A body that says what timm's say."""

    def __init__(self, **told: object) -> None:
        super().__init__()
        for name, value in told.items():
            setattr(self, name, value)


def pooled(output: object, **told: object) -> list[torch.Tensor]:
    return Positions(Body(**told), ["mean", "max"]).pool(output, "layer")


@pytest.fixture
def grid() -> torch.Tensor:
    return torch.randn((2, 5, 4, 4), generator=torch.Generator().manual_seed(0))


def wanted(grid: torch.Tensor) -> list[torch.Tensor]:
    return [grid.flatten(2).mean(2), grid.flatten(2).max(2).values]


def same(found: list[torch.Tensor], expected: list[torch.Tensor]) -> bool:
    return all(torch.allclose(one, other, atol=1e-6) for one, other in zip(found, expected, strict=True))


def test_channels_first_and_last(grid: torch.Tensor) -> None:
    assert same(pooled(grid), wanted(grid))
    assert same(pooled(grid.permute(0, 2, 3, 1)), wanted(grid))
    assert same(pooled(grid, output_fmt="NHWC"), wanted(grid))


def test_body_tells_where_as_many_channels_as_positions_a_side() -> None:
    cube = torch.randn((2, 4, 4, 4), generator=torch.Generator().manual_seed(0))
    assert same(pooled(cube), wanted(cube))
    assert same(pooled(cube.permute(0, 2, 3, 1), output_fmt="NHWC"), wanted(cube))


@pytest.mark.parametrize("prefix", [0, 1, 2, 5])
def test_tokens_of_no_position_are_left_out(grid: torch.Tensor, prefix: int) -> None:
    tokens = torch.cat([torch.full((2, prefix, 5), 100.0), grid.flatten(2).transpose(1, 2)], 1)
    assert same(pooled(tokens, num_prefix_tokens=prefix), wanted(grid))


def test_class_token_that_joins_later_is_not_counted(grid: torch.Tensor) -> None:
    assert same(pooled(grid.flatten(2).transpose(1, 2), num_prefix_tokens=1), wanted(grid))


def test_torchvisions_class_token_is_known(grid: torch.Tensor) -> None:
    tokens = torch.cat([torch.full((2, 1, 5), 100.0), grid.flatten(2).transpose(1, 2)], 1)
    assert same(pooled(tokens, class_token=nn.Parameter(torch.zeros(1))), wanted(grid))


@pytest.mark.parametrize(
    ("output", "message"),
    [
        (torch.zeros(2, 7), r"'layer' gives \[2, 7\], no square grid of features"),
        (torch.zeros(2, 3, 4, 5), r"'layer' gives \[2, 3, 4, 5\], no square grid"),
        (torch.zeros(2, 7, 5), r"'layer' gives \[2, 7, 5\], no square grid"),
        ((torch.zeros(2, 3, 4, 4), (4, 4)), "'layer' gives a tuple, no grid of features"),
        (None, "'layer' gives a NoneType"),
    ],
)
def test_what_is_no_grid_is_refused(output: object, message: str) -> None:
    with pytest.raises(ParamsError, match="embed.layers: " + message):
        pooled(output)
