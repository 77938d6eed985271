"""A network in two parts says what it says whole; where it does not fall in two, that is told."""

import pytest
import torch
from torch import nn

from graft.core.errors import ParamsError
from graft.finetune.cut import cut
from graft.finetune.parameter_groups import freeze
from graft.network.features import Features
from graft.network.head import Head
from graft.network.network import Network
from tests.finetune.conftest import DESCRIPTION

EXAMPLE = torch.rand((2, 3, 32, 32), generator=torch.Generator().manual_seed(0))


@pytest.mark.parametrize(
    ("patterns", "name"),
    [(["conv_stem"], "act1"), (["conv_stem", r"blocks\.0"], "blocks.0"), (["conv_stem", r"blocks\.[0-3]"], "blocks.3")],
)
def test_head_and_tail_are_the_whole(network: Network, patterns: list[str], name: str) -> None:
    freeze(network, patterns)
    whole = network(EXAMPLE)
    found = cut(network, EXAMPLE)
    if name != "act1":
        assert found.name == name
    given = found.head(EXAMPLE)
    assert torch.equal(found.tail(given), whole)
    assert torch.equal(network(EXAMPLE), whole), "the network is whole again"


def test_tail_learns_what_the_whole_learns(network: Network) -> None:
    freeze(network, ["conv_stem", r"blocks\.[01]"])
    found = cut(network, EXAMPLE)
    network(EXAMPLE).square().sum().backward()
    wanted = {name: p.grad.clone() for name, p in network.named_parameters() if p.grad is not None}
    network.zero_grad()
    found.tail(found.head(EXAMPLE).detach()).square().sum().backward()
    grads = {name: p.grad for name, p in network.named_parameters() if p.grad is not None}
    assert wanted.keys() == grads.keys()
    for name, grad in grads.items():
        torch.testing.assert_close(grad, wanted[name])


def test_features_of_layers_behind_the_cut_go_on(network: Network) -> None:
    layered = Network(Features(network.features.body, ["blocks.1", "blocks.3"], ["max"]), None, DESCRIPTION).eval()
    freeze(layered, ["conv_stem", r"blocks\.[01]"])
    found = cut(layered, EXAMPLE)
    assert found.name == "blocks.1"
    assert torch.equal(found.tail(found.head(EXAMPLE)), layered(EXAMPLE))


def test_features_of_layers_on_the_way_bring_the_cut_forward(network: Network) -> None:
    layered = Network(Features(network.features.body, ["blocks.0"], ["max"]), None, DESCRIPTION).eval()
    freeze(layered, ["conv_stem", r"blocks\.[01]"])
    found = cut(layered, EXAMPLE)
    assert found.name == "blocks.0"
    assert torch.equal(found.tail(found.head(EXAMPLE)), layered(EXAMPLE))


def test_features_of_the_very_first_layer_leave_the_stem(network: Network) -> None:
    layered = Network(Features(network.features.body, ["conv_stem"], ["max"]), None, DESCRIPTION).eval()
    freeze(layered, ["conv_stem", r"blocks\.[01]"])
    assert cut(layered, EXAMPLE).name == "conv_stem"


class Branched(nn.Module):
    """The frozen part feeds a branch that goes around the cut."""

    def __init__(self) -> None:
        super().__init__()
        self.stem, self.deep, self.last = nn.Conv2d(3, 4, 1), nn.Conv2d(4, 4, 1), nn.Conv2d(4, 4, 1)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        found = self.stem(images)
        deep = self.deep(found)
        total: torch.Tensor = (self.last(deep) + found).mean((2, 3))
        return total


def test_a_branch_around_the_cut_brings_it_forward() -> None:
    network = Network(Features(Branched(), [], ["mean"]), Head(4, 2), DESCRIPTION).eval()
    torch.nn.init.normal_(network.head.linear.weight)  # type: ignore[union-attr]
    freeze(network, ["stem", "deep"])
    found = cut(network, EXAMPLE)
    assert found.name == "stem"
    assert torch.equal(found.tail(found.head(EXAMPLE)), network(EXAMPLE))


class Woven(nn.Module):
    """The picture itself is looked at again behind the cut."""

    def __init__(self) -> None:
        super().__init__()
        self.stem, self.last = nn.Conv2d(3, 3, 1), nn.Conv2d(3, 4, 1)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        found: torch.Tensor = self.last(self.stem(images) + images).mean((2, 3))
        return found


def test_a_network_that_falls_in_two_nowhere_is_refused() -> None:
    network = Network(Features(Woven(), [], ["mean"]), Head(4, 2), DESCRIPTION).eval()
    freeze(network, ["stem"])
    with pytest.raises(ParamsError, match="Woven falls in two nowhere in what is frozen"):
        cut(network, EXAMPLE)
    assert network(EXAMPLE).shape == (2, 2)
