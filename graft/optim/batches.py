"""In what order an epoch visits the training images, in what batches, and which process sees what of a batch."""

from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray

from graft.core.seeds import derive


@dataclass(frozen=True, slots=True)
class Batch:
    """Images that the device sees at once: `indices`, `[B]`, of the training images.

    `step_images` counts those of the whole step that it is part of, which may end with it.
    """

    indices: NDArray[np.int64]
    step_images: int
    ends_step: bool


@dataclass(frozen=True, slots=True)
class Part:
    """Images of a batch that are one process's own, of several which draw alike for the whole batch.

    Attributes:
        whole: images of the batch.
        start, stop: the first own one, and the one behind the last.
        mixes: whether an image may show part of the one before it in the batch.
    """

    whole: int
    start: int
    stop: int
    mixes: bool

    @classmethod
    def of(cls, whole: int, rank: int, world: int, mixes: bool) -> Self:
        """Share `whole` images out as equally as can be."""
        return cls(whole, whole * rank // world, whole * (rank + 1) // world, mixes)

    @property
    def lead(self) -> int:
        """How many of `seen` are not its own: the one before these if that is mixed in, or if it has none."""
        return int(self.mixes or self.start == self.stop)

    @property
    def seen(self) -> NDArray[np.int64]:
        """`[lead + own]`, positions in the batch of all that it looks at."""
        return np.arange(self.start - self.lead, self.stop) % self.whole


def epoch_order(count: int, seed: int, epoch: int, weights: NDArray[np.float64] | None = None) -> NDArray[np.int64]:
    """Return indices of images, as many as there are: a function of the epoch's number alone.

    Args:
        count: images in all.
        weights: probability of drawing each, `[count]`, sum 1, with replacement; None visits each once.
    """
    generator = np.random.default_rng(derive(seed, "order", epoch))
    if weights is None:
        return generator.permutation(count)
    return generator.choice(count, count, p=weights)


def in_batches(order: NDArray[np.int64], size: int, accumulate: int, minimum: int = 1) -> list[Batch]:
    """Divide an epoch into steps as equal as can be, and each step into at most `accumulate` batches.

    Args:
        size: images a batch; it has more where it takes that to leave none with fewer than `minimum`.
    """
    batches = []
    for step in np.array_split(order, steps_of(len(order), size, accumulate, minimum)):
        parts = np.array_split(step, parts_of(len(step), size, minimum))
        batches += [Batch(part, len(step), part is parts[-1]) for part in parts]
    return batches


def largest_batch(count: int, size: int, accumulate: int, minimum: int = 1) -> int:
    """Images of the largest batch that `in_batches` makes of `count`."""
    steps = steps_of(count, size, accumulate, minimum)
    sizes = {count // steps, -(-count // steps)}  # of the steps
    return max(-(-images // parts_of(images, size, minimum)) for images in sizes)


def steps_of(count: int, size: int, accumulate: int, minimum: int = 1) -> int:
    """How many optimizer steps an epoch has."""
    return parts_of(count, size * accumulate, minimum)


def parts_of(count: int, size: int, minimum: int) -> int:
    """How many equal parts to make of `count` images: of at most `size` each, unless one had fewer than `minimum`."""
    return max(1, min(-(-count // size), count // minimum))
