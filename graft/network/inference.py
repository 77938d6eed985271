"""Run a network over cached pictures in small batches, in order, nothing kept but its output."""

from collections.abc import Iterator
from itertools import pairwise

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from graft.core.progress import bar
from graft.data.arrays import ImageRows, PartialArray
from graft.network.config import Embed, Flip
from graft.network.device import Precision, autocast, pick_device
from graft.network.network import Network
from graft.network.resample import sample

BATCH = {"cpu": 16, "cuda": 256, "mps": 64}
"""On a CPU a small batch keeps activations in its caches: 16 is half as fast again as 32. Elsewhere, views of
`USUAL` are meant; of larger ones fewer fit into memory."""

USUAL = 224


def outputs(
    network: nn.Module, pixels: ImageRows, rows: NDArray[np.int64], view: int, precision: Precision, label: str
) -> Iterator[NDArray[np.float32]]:
    """Yield the network's output for batches of pictures, in the order of `rows`.

    Args:
        network: in evaluation mode; moved to the device that is picked.
        pixels: the presized pictures.
        rows: `[N]`, which of them.
        view: side in pixels of the view of the whole square that the network sees.
        label: what the progress bar calls this.

    Yields:
        `[B, K]` logits, `[B, D]` features for a network without a head, or whatever it gives, float32.
    """
    device = pick_device()
    network = network.to(device, memory_format=torch.channels_last)  # type: ignore[call-overload]
    with bar(label, len(rows)) as progress:
        for start, stop in pairwise([*range(0, len(rows), batch_of(device, view)), len(rows)]):
            batch = torch.from_numpy(pixels.read(rows[start:stop])).to(device)
            with torch.inference_mode(), autocast(device, precision):
                output = network(sample(batch, view))
            yield output.float().cpu().numpy()
            progress.update(stop - start)


def batch_of(device: torch.device, view: int) -> int:
    """How many views of a side to look at together on a device."""
    most = BATCH[device.type]
    return most if device.type == "cpu" else max(1, min(most, int(most * (USUAL / view) ** 2)))


def all_outputs(
    network: nn.Module, pixels: ImageRows, rows: NDArray[np.int64], view: int, precision: Precision, label: str
) -> NDArray[np.float32]:
    """Return the outputs of all rows as one array `[N, K]`."""
    return np.concatenate(list(outputs(network, pixels, rows, view, precision, label)))


MARK_EVERY = 16
"""Batches between two marks of progress."""

AXES: dict[Flip, tuple[int, ...]] = {"none": (), "horizontal": (3,), "vertical": (2,), "both": (2, 3)}
"""What is turned round in views `[B, 3, H, W]`; no pixel is interpolated."""


def turned(views: torch.Tensor, flip: Flip) -> torch.Tensor:
    """Views `[B, 3, H, W]` turned round."""
    return views.flip(AXES[flip]) if AXES[flip] else views


class Flipped(nn.Module):
    """A network that is shown each picture plain and flipped."""

    def __init__(self, network: Network, flips: list[Flip]) -> None:
        super().__init__()
        self.network, self.flips = network, flips

    def forward(self, views: torch.Tensor) -> torch.Tensor:
        """Map views `[B, 3, H, W]` to features `[B, V, D]`, one for each flip."""
        return torch.stack([self.network(turned(views, flip)) for flip in self.flips], dim=1)


def embed(network: Network, pixels: ImageRows, config: Embed, into: PartialArray) -> None:
    """Fill `into`, float32 `[N, V, D]`, with the features of every cached picture's views, in its order."""
    rows = np.arange(into.done, len(pixels.paths))
    done = into.done
    flipped = Flipped(network, config.flips).eval()
    batches = outputs(flipped, pixels, rows, config.view, config.precision, "embed")
    for number, batch in enumerate(batches, start=1):
        into.rows[done : done + len(batch)] = batch
        done += len(batch)
        if number % MARK_EVERY == 0:
            into.mark(done)
    into.mark(done)


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
