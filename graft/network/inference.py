"""Run a network over presized images in small batches, in order, nothing kept but its output."""

from collections.abc import Iterator
from itertools import pairwise

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import nn

from graft.core.progress import bar
from graft.data.arrays import ImageRows, PartialArray
from graft.network.config import Embed, Flip, Precision
from graft.network.device import autocast, pick_device
from graft.network.distributed import broadcast, gathered, in_turn
from graft.network.feed import feed, fetch, fill, read_rows
from graft.network.network import Network

BATCH = {"cpu": 16, "cuda": 256, "mps": 64}
"""Images of `USUAL_SIZE` that a device sees at once; of larger ones, fewer fit into memory. On a CPU a small
batch keeps activations in its caches: 16 is half as fast again as 32."""

USUAL_SIZE = 224
MARK_EVERY = 16
"""Batches between two marks of progress."""


def resize(pixels: torch.Tensor, size: int) -> torch.Tensor:
    """Make presized pixels the images that a network is evaluated on: the whole square, at another size.

    Args:
        pixels: `[B, S, S, 3]`, uint8, RGB.
        size: side in pixels.

    Returns:
        `[B, 3, size, size]`, float32 in [0, 1].
    """
    images = pixels.permute(0, 3, 1, 2).float() / 255
    if size == pixels.shape[1]:
        return images
    return F.interpolate(images, (size, size), mode="bilinear", align_corners=False)


def batched_outputs(
    network: nn.Module,
    pixels: ImageRows,
    rows: NDArray[np.int64],
    size: int,
    precision: Precision,
    label: str,
    batch: int | None = None,
) -> Iterator[NDArray[np.float32]]:
    """Yield the network's output for batches of images, in the order of `rows`.

    Several processes share the batches out, and each yields all: the same ones, and so the same bits, as one would.

    Args:
        network: in evaluation mode; moved to the device that is picked.
        pixels: the presized images.
        rows: `[N]`, which of them.
        size: side in pixels that the network sees them at.
        label: what the progress bar calls this.
        batch: as `batch_size` takes it.

    Yields:
        `[B, K]` logits, `[B, D]` features for a network without a head, or whatever it gives, float32.
    """
    device = pick_device()
    network = network.to(device, memory_format=torch.channels_last)  # type: ignore[call-overload]
    count = batch_size(device, size, batch)
    parts = [rows[start:stop] for start, stop in pairwise([*range(0, len(rows), count), len(rows)])]

    def outputs() -> Iterator[torch.Tensor]:
        own = in_turn(parts)
        for (images,) in feed(lambda part: (read_rows(pixels, part, device),), own, device):  # [B, S, S, 3] uint8
            shown = images if device.type == "cpu" else fill(images, count)
            with torch.inference_mode(), autocast(device, precision):
                output = network(resize(shown, size))[: len(images)].float()
            yield from gathered(output, count)

    with bar(label, len(rows)) as progress:
        for output, part in zip(fetch(outputs(), device), parts, strict=False):  # what is behind them is no image's
            yield output[: len(part)]
            progress.update(len(part))


def batch_size(device: torch.device, size: int, batch: int | None = None) -> int:
    """How many images of a size to look at together on a device.

    Args:
        batch: how many the network meets anyway, in training: a GPU then needs no plan for a second shape.
    """
    most = BATCH[device.type]
    if device.type == "cpu":
        return most
    return batch or max(1, min(most, int(most * (USUAL_SIZE / size) ** 2)))


def all_outputs(
    network: nn.Module,
    pixels: ImageRows,
    rows: NDArray[np.int64],
    size: int,
    precision: Precision,
    label: str,
    batch: int | None = None,
) -> NDArray[np.float32]:
    """Return the outputs of all rows as one array `[N, K]`; arguments as of `batched_outputs`."""
    return np.concatenate(list(batched_outputs(network, pixels, rows, size, precision, label, batch)))


def embed(network: Network, pixels: ImageRows, config: Embed, into: PartialArray | None) -> None:
    """Fill `into`, float32 `[N, V, D]`, with the features of every image's V flips, in order.

    Of several processes the first has it, and the others None.
    """
    done = broadcast(into.done if into else 0)
    rows = np.arange(done, len(pixels.paths))
    flipped = FlipFeatures(network, config.flips).eval()
    batches = batched_outputs(flipped, pixels, rows, config.size, config.precision, "embed")
    for number, batch in enumerate(batches, start=1):
        if into is None:
            continue
        into.rows[done : done + len(batch)] = batch
        done += len(batch)
        if number % MARK_EVERY == 0:
            into.mark(done)
    if into is not None:
        into.mark(done)


def flip_images(images: torch.Tensor, flip: Flip) -> torch.Tensor:
    """Mirror images `[B, 3, H, W]`; no pixel is interpolated."""
    axes = {"none": (), "horizontal": (3,), "vertical": (2,), "both": (2, 3)}[flip]
    return images.flip(axes) if axes else images


class FlipFeatures(nn.Module):
    """A network that gives the features of each image and of its flips."""

    def __init__(self, network: Network, flips: list[Flip]) -> None:
        super().__init__()
        self.network, self.flips = network, flips

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """Map images `[B, 3, H, W]` to features `[B, V, D]`, one for each flip."""
        return torch.stack([self.network(flip_images(images, flip)) for flip in self.flips], dim=1)


class FlipTTA(FlipFeatures):
    """Test-time augmentation: the mean of a network's logits over some flips of each image.

    The mean of logits is the geometric mean of the probabilities: one unsure flip pulls the answer
    less than it would pull their arithmetic mean.

    Args:
        flips: ``none`` alone leaves the network as it is.
    """

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """Map images `[B, 3, H, W]`, float in [0, 1], to logits `[B, K]`."""
        logits = [self.network(flip_images(images, flip)) for flip in self.flips]
        return logits[0] if len(logits) == 1 else torch.stack(logits).mean(0)
