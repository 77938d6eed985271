"""Networks for which a bright patch speaks for one class and darkness for the other, and such pictures."""

from typing import Literal

import torch
from torch import nn

from graft.network.features import Features
from graft.network.fuse_bn import fold_batch_norms
from graft.network.head import Head
from graft.network.network import Network
from tests.network.tiny_network import TINY

Kind = Literal["convolution", "folded", "channels last", "tokens"]
KINDS: tuple[Kind, ...] = ("convolution", "folded", "channels last", "tokens")
SIDE, CELL = 32, 8
DARK, BRIGHT = 0, 1
"""The classes."""


class ChannelsLast(nn.Module):
    """Gives a grid `[B, h, w, C]`, and its mean."""

    def __init__(self, stem: nn.Module) -> None:
        super().__init__()
        self.stem, self.last = stem, nn.Identity()

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        mean: torch.Tensor = self.last(self.stem(images).permute(0, 2, 3, 1)).mean((1, 2))
        return mean


class Tokens(nn.Module):
    """Answers from its class token, which has read the others before the last norm."""

    def __init__(self, stem: nn.Module) -> None:
        super().__init__()
        self.stem, self.block, self.norm = stem, nn.Identity(), nn.Identity()
        self.class_token = nn.Parameter(torch.zeros(1, 1, 2))

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        patches = self.stem(images).flatten(2).transpose(1, 2)
        tokens = self.block(torch.cat([self.class_token.expand(len(patches), 1, 2), patches], 1))
        read = tokens[:, :1] + tokens[:, 1:].mean(1, keepdim=True)
        answer: torch.Tensor = self.norm(torch.cat([read, tokens[:, 1:]], 1))[:, 0]
        return answer


def planted(kind: Kind) -> Network:
    """A network of one convolution: its two features are how much is dark and how much is bright, cell by cell."""
    convolution = nn.Conv2d(3, 2, CELL, CELL)
    nn.init.constant_(convolution.weight[0], -1 / (3 * CELL**2))
    nn.init.constant_(convolution.weight[1], 1 / (3 * CELL**2))
    nn.init.zeros_(convolution.bias)  # type: ignore[arg-type]
    norms = [nn.BatchNorm2d(2)] if kind == "folded" else []
    stem = nn.Sequential(convolution, *norms, nn.ReLU(inplace=True)).eval()
    bodies = {"channels last": ChannelsLast, "tokens": Tokens}
    body = bodies[kind](stem) if kind in bodies else stem
    if norms:
        assert fold_batch_norms(body, torch.rand(2, 3, SIDE, SIDE)) == 1
    head = Head(2, 2)
    with torch.no_grad():
        head.linear.weight.copy_(torch.eye(2))
        head.linear.bias.zero_()
    return Network(Features(body, [], ["mean"]), head, TINY).eval()


def images(cells: list[tuple[int, int]]) -> torch.Tensor:
    """Dark pictures `[B, 3, 32, 32]`, each bright in the cell of a row and a column of four."""
    made = torch.full((len(cells), 3, SIDE, SIDE), 0.2)
    for image, (row, column) in zip(made, cells, strict=True):
        image[:, row * CELL : (row + 1) * CELL, column * CELL : (column + 1) * CELL] = 0.95
    return made
