"""In what order an epoch visits the training pictures, and in what batches."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from graft.core.seeds import derive


@dataclass(frozen=True, slots=True)
class Batch:
    """Places of pictures that the device sees at once."""

    places: NDArray[np.int64]
    of: int
    """Pictures in the whole step that this batch is part of."""
    last: bool
    """Whether the step is complete with it."""


def epoch_order(count: int, seed: int, epoch: int, chances: NDArray[np.float64] | None = None) -> NDArray[np.int64]:
    """Return places of pictures, as many as there are: a function of the epoch's number alone.

    Args:
        count: pictures in all.
        chances: how often to draw each, `[count]`, sum 1, with replacement; None visits each once.
    """
    generator = np.random.default_rng(derive(seed, "order", epoch))
    if chances is None:
        return generator.permutation(count)
    return generator.choice(count, count, p=chances)


def in_batches(order: NDArray[np.int64], size: int, accumulate: int, least: int = 1) -> list[Batch]:
    """Divide an epoch into steps as equal as can be, and each step into at most `accumulate` batches.

    Args:
        size: pictures a batch; it has more where it takes that to leave none with fewer than `least`.
    """
    found = []
    for step in np.array_split(order, steps_of(len(order), size, accumulate, least)):
        parts = np.array_split(step, parts_of(len(step), size, least))
        found += [Batch(part, len(step), part is parts[-1]) for part in parts]
    return found


def steps_of(count: int, size: int, accumulate: int, least: int = 1) -> int:
    """How many optimizer steps an epoch has."""
    return parts_of(count, size * accumulate, least)


def parts_of(count: int, size: int, least: int) -> int:
    """How many equal parts to make of so many pictures: of at most `size` each, unless one had fewer than `least`."""
    return max(1, min(-(-count // size), count // least))
