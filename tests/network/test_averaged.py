"""Logits are averaged over flips."""

import torch

from graft.network.features import Features
from graft.network.head import Head
from graft.network.inference import Averaged
from graft.network.network import Network
from tests.network.made import TINY, tiny_body


def test_the_mean_of_the_views() -> None:
    network = Network(Features(tiny_body(), [], ["mean"]), Head(256, 2), TINY).eval()
    views = torch.rand(3, 3, 32, 32)
    with torch.inference_mode():
        torch.testing.assert_close(Averaged(network, ["none"])(views), network(views), rtol=0, atol=0)
        wanted = (network(views) + network(views.flip(3)) + network(views.flip(2)) + network(views.flip(2, 3))) / 4
        said = Averaged(network, ["none", "horizontal", "vertical", "both"])(views)
        torch.testing.assert_close(said, wanted)
        # a mirrored picture is answered alike
        twice = Averaged(network, ["none", "horizontal"])
        torch.testing.assert_close(twice(views), twice(views.flip(3)))
