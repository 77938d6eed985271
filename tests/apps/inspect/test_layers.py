"""Every layer that runs is listed, and what it gave is what it gave then."""

from typing import Any

import pytest
import torch
from torch import nn
from typer.testing import CliRunner

from graft.apps import cli
from graft.apps.inspect.layers import find_layer, has_colour_filters, list_layers, output_of, survey
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
    assert [(one.name, one.kind, one.shape, one.runs) for one in outputs[:2]] == [
        ("stem", "Conv2d", (2, 4, 4), 1),
        ("act", "ReLU", (2,), 2),
    ]
    assert [one.name for one in outputs[2:]] == ["head", "head.hidden", "head.hidden.0", "head.linear"]
    assert [one.name for one in outputs if one.has_colour_filters] == ["stem"]


def test_what_a_layer_gave_is_kept_from_the_next_one_that_writes_over_it() -> None:
    torch.manual_seed(0)
    tiny, views = network(Twice()), torch.rand(1, 3, 9, 9)
    stem = tiny.features.body.stem
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
    assert (outputs["features.0"].shape, outputs["features.0"].has_colour_filters) == ((64, 55, 55), True)
    assert outputs["features.12"].shape == (256, 6, 6)
    assert output_of(alexnet, "features.0", torch.zeros(1, 3, 224, 224)).shape == (1, 64, 55, 55)


def test_layers_are_listed_with_what_they_give(finetuned: dict[str, Any]) -> None:
    lines = list(list_layers(finetuned))
    assert lines[0].startswith(
        "layers of models/finetuned (test_efficientnet) that run, and what each gives for an image"
    )
    rows = {line.split()[0]: " ".join(line.split()[1:]) for line in lines[1:-1]}
    assert rows["conv_stem"] == "Conv2d 24 x 32 x 32 filters in colour"
    assert rows["head.linear"] == "Linear 2"
    assert not any(line.endswith(" ") for line in lines)


def test_without_arguments_the_layers_are_listed(finetuned: dict[str, Any]) -> None:
    done = CliRunner().invoke(cli.app, ["inspect"])
    assert done.exit_code == 0, done.output
    assert done.output.splitlines() == list(list_layers(finetuned))
    assert done.output.endswith("graft inspect LAYER IMAGE draws what one of them gives\n")
