"""Layers are named as users name them, and heard while the network runs."""

import torch
from torch import nn

from graft.network.features import Features
from graft.network.head import Head
from graft.network.layers import listening, named_layers
from graft.network.network import Network
from tests.network.made import TINY


def test_layers_of_body_and_head_by_name_and_in_the_order_they_end() -> None:
    inner = nn.Sequential(nn.Conv2d(3, 4, 3), nn.ReLU())
    body = nn.Sequential(inner, nn.AdaptiveAvgPool2d(1), nn.Flatten())
    network = Network(Features(body, [], ["mean"]), Head(4, 2), TINY).eval()
    layers = named_layers(network)
    assert list(layers) == ["0", "0.0", "0.1", "1", "2", "head", "head.hidden", "head.hidden.0", "head.linear"]
    heard: list[str] = []
    with listening(layers, lambda name, output: heard.append(f"{name} {tuple(getattr(output, 'shape', ()))}")):
        network(torch.zeros(1, 3, 8, 8))
    assert heard == [
        "0.0 (1, 4, 6, 6)",
        "0.1 (1, 4, 6, 6)",
        "0 (1, 4, 6, 6)",
        "1 (1, 4, 1, 1)",
        "2 (1, 4)",
        "head.hidden.0 (1, 4)",
        "head.hidden (1, 4)",
        "head.linear (1, 2)",
        "head (1, 2)",
    ]
    network(torch.zeros(1, 3, 8, 8))
    assert len(heard) == 9  # nobody listens any more


def test_a_name_that_both_have_is_the_bodys_and_a_network_may_have_no_head() -> None:
    body = nn.Module()
    body.head = nn.Identity()
    features = Features(body, [], ["mean"])
    assert named_layers(Network(features, Head(4, 2), TINY))["head"] is body.head
    assert list(named_layers(Network(features, None, TINY))) == ["head"]
