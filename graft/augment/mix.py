"""Mix the images of a batch with each other: mixup blends whole images, cutmix pastes rectangles."""

from dataclasses import dataclass

import numpy as np
import torch

from graft.augment.config import Augment
from graft.network.device import send
from graft.optim.batches import Part


@dataclass(frozen=True, slots=True)
class Mixed:
    """Images that show two each.

    The loss of an image is ``weight * loss(target) + (1 - weight) * loss(target[partner])``.

    Attributes:
        images: `[B, 3, S, S]`, float32.
        weight: `[B]`, float32 in [0, 1]: share of the image itself.
    """

    images: torch.Tensor
    weight: torch.Tensor

    @property
    def partner(self) -> torch.Tensor:
        """`[B]`, int64: which image of the batch was mixed in, the one before."""
        return torch.arange(len(self.images), device=self.images.device).roll(1)


def mix(images: torch.Tensor, config: Augment, seed: int, part: Part | None = None) -> Mixed | None:
    """Mix every image with the one before it in the batch, the first with the last.

    Batches are shuffled, so neighbours are strangers.

    Args:
        images: `[B, 3, S, S]`, float32; left as they are.
        config: `mixup` and `cutmix`; where both are given, one is drawn for the batch.
        seed: of this batch's draws, which are the same on every device.
        part: which images of a batch these are, if not all; the first `part.lead` are then mixed with another.

    Returns:
        None where both are 0.

    Source: Zhang et al. 2018, mixup; Yun et al. 2019, CutMix. Partners and rectangles as in
    torchvision's `v2.MixUp` and `v2.CutMix`, with a draw for every image, as in fastai's `MixUp`.
    """
    if not (config.mixup or config.cutmix):
        return None
    generator = np.random.default_rng(seed)
    pastes = generator.random() < 0.5 if config.mixup and config.cutmix else config.cutmix > 0
    batch, size = part.whole if part else len(images), images.shape[2]
    alpha = config.cutmix if pastes else config.mixup
    shares = generator.beta(alpha, alpha, batch)
    centres = generator.integers(0, size, (2, batch))
    if part:
        shares, centres = shares[part.seen], centres[:, part.seen]
    if pastes:
        return paste(images, boxes_around(shares, centres, size))
    # an image stays mostly itself: otherwise it could be its neighbour over again
    return blend(images, torch.from_numpy(np.maximum(shares, 1 - shares)).float())


def blend(images: torch.Tensor, weight: torch.Tensor) -> Mixed:
    """Blend every image with the one before it, which gets the share `1 - weight`; `weight` is `[B]`."""
    (weight,) = send([weight], images.device)
    return Mixed(torch.lerp(images.roll(1, 0), images, weight[:, None, None, None]), weight)


def paste(images: torch.Tensor, boxes: np.ndarray) -> Mixed:
    """Paste into every image a rectangle of the one before it; the weight is the share of pixels kept.

    Args:
        boxes: `[B, 4]`, int: top, bottom, left, right.
    """
    mixed, size = images.clone(), images.shape[2]
    for number, (top, bottom, left, right) in enumerate(boxes.tolist()):
        mixed[number, :, top:bottom, left:right] = images[number - 1, :, top:bottom, left:right]
    kept = 1 - (boxes[:, 1] - boxes[:, 0]) * (boxes[:, 3] - boxes[:, 2]) / size**2
    return Mixed(mixed, *send([torch.from_numpy(kept).float()], images.device))


def boxes_around(shares: np.ndarray, centres: np.ndarray, size: int) -> np.ndarray:
    """Boxes of area `1 - shares` about their centres, cut off at the image's edges.

    Args:
        shares: `[B]`, of the image that is kept.
        centres: `[2, B]`, rows and columns.

    Returns:
        `[B, 4]`, int64: top, bottom, left, right.
    """
    half = (0.5 * np.sqrt(1 - shares) * size).astype(np.int64)
    (y, x) = centres
    return np.stack([y - half, y + half, x - half, x + half], axis=1).clip(0, size)
