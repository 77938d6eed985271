"""In what precision to compute on these images: bfloat16 only where it tells them apart as float32 does."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from torch import nn

from graft.data.arrays import ImageRows
from graft.network.config import Precision
from graft.network.device import emulates, has_bfloat16, pick_device
from graft.network.inference import all_outputs

SAMPLE = 32
"""Images that both precisions are tried on."""
MAX_ERROR = 0.2
"""The largest error that ``auto`` accepts, as a share of what the images differ by: a twenty-fifth of their variance.
Measured with EfficientNet-Lite0: photographs of dogs and cats 0.06; solar cells, where no answer of a head changed,
0.18; drawn microscopy and x-rays of low contrast 0.25 to 0.8, where answers change from 0.35 on."""

SAME = 1e-6
"""The deviation below which an output says nothing, as a head takes it."""


@dataclass(frozen=True, slots=True)
class Settled:
    """The precision to compute in, and the error of bf16 that decided; None where nothing was compared."""

    precision: Precision
    bf16_error: float | None = None

    def __str__(self) -> str:
        """``fp32: on these images bf16 errs by 0.75 of what they differ by, more than 0.2``, or a warning."""
        if emulates(pick_device(), self.precision):
            return (
                f"{self.precision}: warning: this processor only emulates it, ten to forty times slower than fp32; "
                "precision: auto takes what it computes in"
            )
        if self.bf16_error is None:
            return self.precision
        than = "more" if self.precision == "fp32" else "not more"
        return (
            f"{self.precision}: on these images bf16 errs by {self.bf16_error:g} of what they differ by, "
            f"{than} than {MAX_ERROR:g}"
        )


def settle(
    network: nn.Module,
    pixels: ImageRows,
    rows: NDArray[np.int64],
    size: int,
    precision: Precision,
    batch: int | None = None,
) -> Settled:
    """Settle what ``auto`` is for a network and its images; any other precision stays.

    It is fp32, unless the processor computes in bf16 and a few dozen images, evenly spaced among
    `rows`, come out nearly alike in both: on images of low contrast what bfloat16 rounds away can be
    all that tells them apart. The same machine and images settle it alike in every run.

    Args:
        network: in evaluation mode, gives features or logits.
        pixels: the presized images.
        rows: `[N]`, which of them may be looked at.
        size: side in pixels that the network sees them at.
        batch: as `batch_size` takes it.
    """
    if precision != "auto":
        return Settled(precision)
    if not has_bfloat16(pick_device()):
        return Settled("fp32")
    sample = rows[evenly_spaced(len(rows), SAMPLE)]
    exact, rounded = (all_outputs(network, pixels, sample, size, each, "precision", batch) for each in ("fp32", "bf16"))
    error = relative_error(rounded, exact)
    return Settled("bf16" if error <= MAX_ERROR else "fp32", round(error, 3))


def evenly_spaced(count: int, most: int) -> NDArray[np.int64]:
    """Positions of so many of `count` items at most, from the first to the last: the same ones every time."""
    return np.unique(np.linspace(0, count - 1, min(count, most)).round().astype(np.int64))


def relative_error(found: NDArray[np.float32], exact: NDArray[np.float32]) -> float:
    """Error of outputs `[B, ...]` of some images as a share of what these differ by, from 0 to 1.

    Each output counts alike, as a head that standardises its features takes them: its root mean
    square error over its standard deviation, 1 at most, since then nothing is left of it. What
    comes is the root mean square of these shares, over the outputs that vary at all; 1 where one is
    not finite.
    """
    if not np.isfinite(found).all():
        return 1.0
    errors, spreads = np.sqrt(np.square(found - exact).mean(0)), exact.std(0)  # of each output
    varies = spreads >= SAME
    shares = np.minimum(errors[varies] / spreads[varies], 1.0)
    return float(np.sqrt(np.square(shares).mean())) if varies.any() else 0.0
