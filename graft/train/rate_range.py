"""Find a learning rate: raise it step by step until the loss explodes, and look at the curve.

Source: Smith 2017, the range test, https://arxiv.org/abs/1506.01186; the number of steps, the
smoothing and the three ways to read the curve are those of fastai's lr_find.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from graft.errors import TrainingError

LOW, HIGH, STEPS = 1e-7, 10.0, 100
MEMORY = 0.98
"""Share of the smoothed loss that stays from one step to the next."""
EXPLODED = 4.0
"""The sweep ends when the smoothed loss is this many times its lowest."""
FEWEST = 10


@dataclass(frozen=True, slots=True)
class RateRange:
    """Learning rates tried, `[N]`, rising geometrically, and the loss under each, smoothed too."""

    rates: NDArray[np.float64]
    losses: NDArray[np.float64]
    smoothed: NDArray[np.float64]

    @property
    def minimum(self) -> float:
        """A tenth of the rate with the lowest loss: still falling there, and well before it turns."""
        return float(self.rates[self.smoothed.argmin()]) / 10

    @property
    def steepest(self) -> float:
        """The rate at which the loss falls fastest, by the logarithm of the rate."""
        return float(self.rates[np.gradient(self.smoothed, np.log(self.rates)).argmin()])

    @property
    def valley(self) -> float:
        """The rate half way through the middle third of the longest descent, as fastai places it.

        The longest descent is the longest run of points, not necessarily neighbours, each lower
        than the one before.
        """
        length = np.ones(len(self.smoothed), dtype=np.int64)
        for place, loss in enumerate(self.smoothed):
            higher = length[:place][self.smoothed[:place] > loss]
            length[place] = 1 + higher.max(initial=0)
        end = int(length.argmax())
        start = max(0, end - int(length[end]))
        third = (end - start) / 3
        return float(self.rates[start + int(third) + int(third / 2)])

    def suggestions(self) -> dict[str, float]:
        """The three by name, to two digits."""
        found = {"valley": self.valley, "steepest": self.steepest, "minimum / 10": self.minimum}
        return {name: float(f"{rate:.1e}") for name, rate in found.items()}


def find_range(step: Callable[[int, float], float]) -> RateRange:
    """Sweep the learning rate from 1e-7 to 10 in a hundred steps, or until the loss explodes.

    Args:
        step: takes the number of the step, from 0, and a learning rate; trains on a batch and
            returns the loss before its update.

    Raises:
        TrainingError: the loss explodes, or is not finite, before there is a curve to read.
    """
    rates: list[float] = []
    losses: list[float] = []
    smoothed: list[float] = []
    running = 0.0
    for number in range(STEPS):
        rate = LOW * (HIGH / LOW) ** (number / (STEPS - 1))
        loss = step(number, rate)
        running = MEMORY * running + (1 - MEMORY) * loss
        level = running / (1 - MEMORY ** (number + 1))  # else the first values would lean towards 0
        if not math.isfinite(loss) or (smoothed and level > EXPLODED * min(smoothed)):
            break
        rates, losses, smoothed = [*rates, rate], [*losses, loss], [*smoothed, level]
    if len(rates) < FEWEST:
        raise TrainingError(
            f"the loss is {loss} at learning rate {rate:.2g}, after {len(rates)} steps: there is no curve to read; "
            "look at the labels and at the pictures after augmentation (`graft summary`)"
        )
    return RateRange(np.array(rates), np.array(losses), np.array(smoothed))
