"""The head: what graft puts on a pretrained network."""

from pathlib import Path

import torch
from torch import nn

from graft.model.saved import Description, describe, load_into, read_state


class Head(nn.Module):
    """Standardise features as the training pictures' were, then classify linearly.

    Buffers `mean` and `scale` are of the training pictures' features; `linear` gives the logits.
    """

    def __init__(self, features: int, classes: int) -> None:
        super().__init__()
        self.register_buffer("mean", torch.zeros(features))
        self.register_buffer("scale", torch.ones(features))
        self.linear = nn.Linear(features, classes)

    def forward(self, features: torch.Tensor) -> torch.Tensor:
        """Map features `[B, D]` to logits `[B, K]`."""
        logits: torch.Tensor = self.linear((features - self.mean) / self.scale)
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
