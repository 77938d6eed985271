"""The head: what graft puts on a pretrained network."""

from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from graft.images.rows import PictureRows
from graft.model.saved import Description, describe, load_into, read_state

CHUNK = 4096
"""Rows of features read at once."""


class Head(nn.Module):
    """Standardise features as the training pictures' were, then classify linearly.

    Buffers `mean` and `scale` are of the training pictures' features; `linear` gives the logits.
    """

    def __init__(self, features: int, classes: int) -> None:
        super().__init__()
        self.mean: torch.Tensor
        self.scale: torch.Tensor
        self.register_buffer("mean", torch.zeros(features))
        self.register_buffer("scale", torch.ones(features))
        self.dropout = nn.Dropout(0.0)
        self.linear = nn.Linear(features, classes)

    def forward(self, features: torch.Tensor) -> torch.Tensor:
        """Map features `[B, D]` to logits `[B, K]`."""
        logits: torch.Tensor = self.linear(self.dropout((features - self.mean) / self.scale))
        return logits


def load_head(folder: Path) -> tuple[Head, Description]:
    """Load a head that was saved on its own.

    Raises:
        WeightsError: the file does not hold exactly a head of this description.
    """
    description = describe(folder)
    state = read_state(folder)
    head = Head(*reversed(state["linear.weight"].shape))
    load_into(head, state, folder)
    return head.eval(), description


@torch.inference_mode()
def head_logits(head: Head, features: PictureRows, rows: NDArray[np.int64]) -> NDArray[np.float32]:
    """Logits `[N, K]` of some rows of stored features: the linear probe."""
    parts = [head(torch.from_numpy(features.read(part))) for part in np.array_split(rows, -(-len(rows) // CHUNK))]
    return torch.cat(parts).numpy()
