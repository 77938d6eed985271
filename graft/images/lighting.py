"""Random brightness and contrast, on the logits of pixels, where no change leads out of range."""

import math

import torch

from graft.images.geometry import spread

DARKEST = 1e-7
"""Black and white have no logit; they count as this far from 0 and 1."""


def random_lighting(
    largest: float, batch: int, p: float, generator: torch.Generator
) -> tuple[torch.Tensor, torch.Tensor]:
    """Draw a change of brightness and one of contrast for every picture.

    Args:
        largest: 0 to 1; at 0.2, mid-grey comes to lie between 0.4 and 0.6, and contrast between 0.8 and 1.25.

    Returns:
        Shift and gain of the logits, `[B, 1, 1, 1]`.
    """
    grey = 0.5 + spread(0.5 * largest, batch, p, generator)
    gain = torch.exp(spread(-math.log(1 - largest), batch, p, generator))
    return torch.logit(grey)[:, None, None, None], gain[:, None, None, None]


def light(views: torch.Tensor, shift: torch.Tensor, gain: torch.Tensor, out: torch.Tensor) -> None:
    """Change brightness, then contrast.

    Args:
        views: `[B, 3, H, W]`, float32 in [0, 255]; used up.
        shift: `[B, 1, 1, 1]`, added to the logits.
        gain: `[B, 1, 1, 1]`, what they are then multiplied by.
        out: `[B, 3, H, W]`, float32: where the views go, in [0, 1].

    Source: fastai 2, `Brightness` and `Contrast`.
    """
    logits = views.mul_(1 / 255).logit_(DARKEST).add_(shift).mul_(gain)
    torch.sigmoid(logits, out=out)
