"""Test-time augmentation: what a network says of a picture and of its mirror images, averaged."""

import torch
from torch import nn

from graft.model.embed import turned
from graft.model.network import Network
from graft.model.settings import Flip


class Averaged(nn.Module):
    """A network that gives the mean of its logits over some views of each picture.

    The mean of logits is the geometric mean of the probabilities: one unsure view pulls the answer
    less than it would pull their arithmetic mean.

    Args:
        flips: the views; ``none`` alone leaves the network as it is.
    """

    def __init__(self, network: Network, flips: list[Flip]) -> None:
        super().__init__()
        self.network, self.flips = network, flips

    def forward(self, views: torch.Tensor) -> torch.Tensor:
        """Map views `[B, 3, H, W]`, float in [0, 1], to logits `[B, K]`."""
        said = [self.network(turned(views, flip)) for flip in self.flips]
        return said[0] if len(said) == 1 else torch.stack(said).mean(0)
