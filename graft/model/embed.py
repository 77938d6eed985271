"""Store the features of every picture, once: a frozen body is a pure function of the pixels."""

import numpy as np
from pydantic import Field

from graft.images.partial import PartialArray
from graft.images.rows import PictureRows
from graft.model.device import Precision
from graft.model.infer import outputs
from graft.model.network import Network
from graft.model.pool import Pool
from graft.params import Section
from graft.progress import bar

MARK_EVERY = 16
"""Batches between two marks of progress."""


class Embed(Section):
    """What the head sees of the pretrained network."""

    view: int = Field(default=224, ge=16, le=2048)
    """Side in pixels of the view that networks are evaluated at, here and in every later stage."""
    layers: list[str] = []
    """Layers whose outputs stand beside the last features, such as blocks.5."""
    pools: list[Pool] = Field(default=["mean"], min_length=1)
    """How those outputs become vectors: mean, max."""
    precision: Precision = "auto"
    """``auto`` is bf16 where the processor computes in it, else fp32."""


def embed(network: Network, pixels: PictureRows, knobs: Embed, into: PartialArray) -> None:
    """Fill `into`, float32 `[N, D]`, with the features of every cached picture, in its order."""
    rows = np.arange(into.done, len(pixels.paths))
    batches = outputs(network, pixels, rows, knobs.view, knobs.precision)
    done = into.done
    with bar("embed", total=len(pixels.paths), done=done) as progress:
        for number, batch in enumerate(batches, start=1):
            into.rows[done : done + len(batch)] = batch
            done += len(batch)
            progress.update(len(batch))
            if number % MARK_EVERY == 0:
                into.mark(done)
    into.mark(done)
