"""Store the features of every picture, once: a frozen body is a pure function of the pixels."""

import numpy as np

from graft.images.partial import PartialArray
from graft.images.rows import PictureRows
from graft.model.infer import outputs
from graft.model.network import Network
from graft.model.settings import Embed

MARK_EVERY = 16
"""Batches between two marks of progress."""


def embed(network: Network, pixels: PictureRows, knobs: Embed, into: PartialArray) -> None:
    """Fill `into`, float32 `[N, D]`, with the features of every cached picture, in its order."""
    rows = np.arange(into.done, len(pixels.paths))
    done = into.done
    batches = outputs(network, pixels, rows, knobs.view, knobs.precision, "embed")
    for number, batch in enumerate(batches, start=1):
        into.rows[done : done + len(batch)] = batch
        done += len(batch)
        if number % MARK_EVERY == 0:
            into.mark(done)
    into.mark(done)
