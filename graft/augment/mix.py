"""Mix the views of a batch with each other: mixup blends whole views, cutmix pastes rectangles."""

from dataclasses import dataclass

import numpy as np
import torch

from graft.augment.config import Augment


@dataclass(frozen=True, slots=True)
class Mixed:
    """Views that show two pictures each.

    The loss of a view is ``weight * loss(target) + (1 - weight) * loss(target[partner])``.

    Attributes:
        views: `[B, 3, S, S]`, float32.
        partner: `[B]`, int64: which picture of the batch was mixed in.
        weight: `[B]`, float32 in [0, 1]: share of the view's own picture.
    """

    views: torch.Tensor
    partner: torch.Tensor
    weight: torch.Tensor


def mix(views: torch.Tensor, config: Augment, seed: int) -> Mixed | None:
    """Mix every view with the one before it in the batch, the first with the last.

    Batches are shuffled, so neighbours are strangers.

    Args:
        views: `[B, 3, S, S]`, float32; left as they are.
        knobs: `mixup` and `cutmix`; where both are given, one is drawn for the batch.
        seed: of this batch's draws, which are the same on every device.

    Returns:
        None where both knobs are 0.

    Source: Zhang et al. 2018, mixup; Yun et al. 2019, CutMix. Partners and rectangles as in
    torchvision's `v2.MixUp` and `v2.CutMix`, with a draw for every picture, as in fastai's `MixUp`.
    """
    if not (config.mixup or config.cutmix):
        return None
    generator = np.random.default_rng(seed)
    pastes = generator.random() < 0.5 if config.mixup and config.cutmix else config.cutmix > 0
    batch, size = len(views), views.shape[2]
    alpha = config.cutmix if pastes else config.mixup
    shares = generator.beta(alpha, alpha, batch)
    centres = generator.integers(0, size, (2, batch))
    if pastes:
        return paste(views, rectangles(shares, centres, size))
    # a view is mostly its own picture: otherwise it could be its neighbour's view over again
    return blend(views, torch.from_numpy(np.maximum(shares, 1 - shares)).float())


def blend(views: torch.Tensor, weight: torch.Tensor) -> Mixed:
    """Blend every view with the one before it, which gets the share `1 - weight`; `weight` is `[B]`."""
    weight = weight.to(views.device)
    return Mixed(torch.lerp(views.roll(1, 0), views, weight[:, None, None, None]), _partner(views), weight)


def paste(views: torch.Tensor, places: np.ndarray) -> Mixed:
    """Paste into every view a rectangle of the one before it; the weight is the share of pixels kept.

    Args:
        places: `[B, 4]`, int: top, bottom, left, right.
    """
    mixed, size = views.clone(), views.shape[2]
    for number, (top, bottom, left, right) in enumerate(places.tolist()):
        mixed[number, :, top:bottom, left:right] = views[number - 1, :, top:bottom, left:right]
    kept = 1 - (places[:, 1] - places[:, 0]) * (places[:, 3] - places[:, 2]) / size**2
    return Mixed(mixed, _partner(views), torch.from_numpy(kept).float().to(views.device))


def rectangles(shares: np.ndarray, centres: np.ndarray, size: int) -> np.ndarray:
    """Rectangles of area `1 - shares` about their centres, cut off at the view's edges.

    Args:
        shares: `[B]`, of the view that is kept.
        centres: `[2, B]`, rows and columns.

    Returns:
        `[B, 4]`, int64: top, bottom, left, right.
    """
    half = (0.5 * np.sqrt(1 - shares) * size).astype(np.int64)
    (y, x) = centres
    return np.stack([y - half, y + half, x - half, x + half], axis=1).clip(0, size)


def _partner(views: torch.Tensor) -> torch.Tensor:
    return torch.arange(len(views), device=views.device).roll(1)
