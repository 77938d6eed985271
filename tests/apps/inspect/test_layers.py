"""Every layer that runs is listed, and what it gave is what it gave then."""

import pytest
import torch
from torch import nn

from graft.apps.inspect.layers import find_layer, has_colour_filters, output_of, survey
from graft.backbone.build import create
from graft.backbone.library import allocate
from graft.core.errors import DataError
from graft.network.features import Features
from graft.network.head import Head
from graft.network.network import Network
from tests.network.tiny_network import TINY


class Twice(nn.Module):
    """Runs one layer twice, another never, and one that gives a pair."""

    def __init__(self) -> None:
        super().__init__()
        self.stem, self.act, self.unused = nn.Conv2d(3, 2, 3, 2), nn.ReLU(inplace=True), nn.Linear(1, 1)
        self.pair = Pair()

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        grid = self.act(self.stem(images))
        pooled: torch.Tensor = self.act(self.pair(grid)[0].mean((2, 3)) - 0.5)
        return pooled


class Pair(nn.Module):
    def forward(self, grid: torch.Tensor) -> tuple[torch.Tensor, int]:
        return grid, 1


def network(body: nn.Module) -> Network:
    return Network(Features(body, [], ["mean"]), Head(2, 2), TINY).eval()


def test_layers_that_run_and_give_a_tensor_are_listed() -> None:
    outputs = survey(network(Twice()), 9)
    assert [(one.name, one.shape, one.runs) for one in outputs[:2]] == [("stem", (2, 4, 4), 1), ("act", (2,), 2)]
    assert [one.name for one in outputs[2:]] == ["head", "head.hidden", "head.hidden.0", "head.linear"]


def test_what_a_layer_gave_is_kept_from_the_next_one_that_writes_over_it() -> None:
    torch.manual_seed(0)
    tiny, views = network(Twice()), torch.rand(1, 3, 9, 9)
    stem = tiny.parts[""].body.stem
    assert isinstance(stem, nn.Conv2d)
    output = output_of(tiny, "stem", views)
    assert (output < 0).any()
    assert torch.equal(output, stem((views - 0.5) / 0.5).detach())
    assert output_of(tiny, "act", views).shape == (1, 2)


def test_unknown_and_unused_layers_are_refused() -> None:
    with pytest.raises(DataError, match=r"has no layer 'stam' \(did you mean 'stem'\?\); `graft inspect` lists all 8"):
        find_layer(network(Twice()), "stam")
    for name in ("unused", "pair"):
        with pytest.raises(DataError, match=f"'{name}' gives no tensor when the network runs"):
            output_of(network(Twice()), name, torch.zeros(1, 3, 9, 9))


def test_only_convolutions_over_three_colours_have_filters_to_show() -> None:
    assert has_colour_filters(nn.Conv2d(3, 4, 3))
    assert not has_colour_filters(nn.Conv2d(3, 3, 3, groups=3))
    assert not has_colour_filters(nn.Conv2d(4, 4, 3))
    assert not has_colour_filters(nn.Linear(3, 3))


def test_alexnet_as_in_the_tutorials() -> None:
    body = allocate(create("torchvision/alexnet"))
    alexnet = Network(Features(body, [], ["mean"]), None, TINY.model_copy(update={"size": 224})).eval()
    outputs = {one.name: one for one in survey(alexnet, 224)}
    assert outputs["features.0"].shape == (64, 55, 55)
    assert outputs["features.12"].shape == (256, 6, 6)
    assert output_of(alexnet, "features.0", torch.zeros(1, 3, 224, 224)).shape == (1, 64, 55, 55)
