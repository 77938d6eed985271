"""Run a network over cached pictures in small batches, in order, nothing kept but its output."""

from collections.abc import Iterator
from itertools import pairwise

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from graft.images.rows import PictureRows
from graft.images.sampler import sample
from graft.model.device import Precision, autocast, pick_device
from graft.progress import bar

BATCH = {"cpu": 16, "cuda": 256, "mps": 64}
"""On a CPU a small batch keeps activations in its caches: 16 is half as fast again as 32. Elsewhere, views of
`USUAL` are meant; of larger ones fewer fit into memory."""

USUAL = 224


def outputs(
    network: nn.Module, pixels: PictureRows, rows: NDArray[np.int64], view: int, precision: Precision, label: str
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
    network: nn.Module, pixels: PictureRows, rows: NDArray[np.int64], view: int, precision: Precision, label: str
) -> NDArray[np.float32]:
    """Return the outputs of all rows as one array `[N, K]`."""
    return np.concatenate(list(outputs(network, pixels, rows, view, precision, label)))
