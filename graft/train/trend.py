"""What a learning curve says: how far each of its points is off by chance, and what twice the labels would bring."""

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from graft.intervals import Interval, tail, wilson
from graft.seeds import derive

RESAMPLES = 2000

RECENT = 0.4
"""Share of the training pictures from which on the curve's slope is taken: a little over the last doubling."""

WORTH = 0.005
"""Gain that is worth a word, as a share of the pictures: half a point."""

ROUNDING = 1e-9
"""What a sum of floats may be off by: a share this small is none."""


@dataclass(frozen=True, slots=True)
class Point:
    """Heads fitted to a share of the training pictures, one for each draw.

    Attributes:
        share: of all training pictures.
        pictures: how many each draw has, `[R]`.
        right: which of the valid pictures each head answers wholly right, `[R, N]`.
        losses: log loss of each on valid, `[R]`, in nats an answer.
    """

    share: float
    pictures: list[int]
    right: NDArray[np.bool_]
    losses: list[float]

    @property
    def accuracy(self) -> float:
        """Mean over draws and pictures."""
        return float(self.right.mean())

    @property
    def size(self) -> float:
        """Training pictures of a draw, in the mean."""
        return float(np.mean(self.pictures))


class Trend:
    """Resamples of a curve, the same for all of its points.

    Both draws and valid pictures are drawn again, with replacement, the pictures by whole units;
    every point meets the same pictures, so that slopes are of paired differences. Draws of a large
    share have most pictures in common, and all of them come from one training split: what another
    training split would change is not in the interval.

    Args:
        units: `[N]`, the unit of every valid picture, such as its group.

    Source: the pigeonhole bootstrap for two crossed factors, Owen 2007, https://doi.org/10.1214/07-AOAS122
    """

    def __init__(self, units: NDArray[np.int64]) -> None:
        self._units = np.unique(units, return_inverse=True)[1]
        self._sizes = np.bincount(self._units)
        generator = np.random.default_rng(derive(0, "learning-curve", "pictures"))
        count = len(self._sizes)
        self._times = generator.multinomial(count, np.full(count, 1 / count), size=RESAMPLES)

    def interval(self, point: Point) -> Interval:
        """95 % interval of a point's accuracy, no narrower than if its pictures were independent."""
        if point.right.all() or not point.right.any():
            # every resample would agree, which is no certainty: count the units as the trials
            return wilson(len(self._sizes) if point.right.all() else 0, len(self._sizes))
        found, count = self._middle(self._resampled(point)), point.right.shape[1]
        alone = wilson(round(point.accuracy * count), count)
        return Interval(min(found.low, alone.low), max(found.high, alone.high))

    def doubling(self, points: list[Point]) -> tuple[float, Interval] | None:
        """Gain of accuracy from twice as many training pictures, if the curve keeps its recent slope.

        The slope is that of the straight line, over the logarithm of the number of pictures, through
        the points from `RECENT` on. Curves flatten, so it promises rather too much. A power law has
        three numbers to fit and bends as the last points' noise will have it.
        No more can be gained than the last point still answers wrong.

        Returns:
            The gain and its 95 % interval, as shares; None with fewer than two points.
        """
        recent = [point for point in points if point.share >= RECENT]
        sizes = np.log2([point.size for point in recent])
        if len(np.unique(sizes)) < 2:
            return None
        across = (sizes - sizes.mean()) / np.square(sizes - sizes.mean()).sum()
        slope = float(across @ [point.accuracy for point in recent])
        room = 1 - recent[-1].accuracy
        found = self._middle(across @ np.stack([self._resampled(point) for point in recent]))
        return min(slope, room), Interval(min(found.low, room), min(found.high, room))

    def _resampled(self, point: Point) -> NDArray[np.float64]:
        """Accuracy of every resample, `[RESAMPLES]`."""
        draws = len(point.right)
        generator = np.random.default_rng(derive(0, "learning-curve", "draws", f"{point.share:g}"))
        again = generator.multinomial(draws, np.full(draws, 1 / draws), size=RESAMPLES) / draws
        by_unit = np.stack([np.bincount(self._units, weights=row) for row in point.right])  # [R, U]
        right = np.einsum("br,ru,bu->b", again, by_unit, self._times, optimize=True)
        found: NDArray[np.float64] = right / (self._times @ self._sizes)
        return found

    def _middle(self, values: NDArray[np.float64]) -> Interval:
        """What lies between the tails of resamples, as wide as so few units ask for."""
        out = tail(len(self._sizes))
        low, high = np.quantile(values, [out, 1 - out])
        return Interval(float(low), float(high))


def verdict(gain: float, interval: Interval, hits: str) -> str:
    """Say in one line whether more labels would help.

    Args:
        hits: what the share that is right is called.
    """
    points, low, high = 100 * gain, 100 * interval.low, 100 * interval.high
    said = f"{points:+.1f} points of {hits.replace('_', ' ')} (95 %: {low:+.1f} to {high:+.1f})"
    if interval.low > ROUNDING and gain >= WORTH:
        told = "more labels would help"
    elif interval.high < 2 * WORTH:
        told = "more labels would bring little"
    else:
        told = "valid is too small to tell whether more labels would help"
    return f"twice the labels, if the curve keeps its slope: {said}; {told}"


def table(points: list[Point], trend: Trend, hits: str) -> pd.DataFrame:
    """One row a point, for curve.csv."""
    rows = []
    for point in points:
        interval = trend.interval(point)
        rows.append(
            {
                "share": point.share,
                "pictures": round(point.size, 1),
                "draws": len(point.pictures),
                hits: round(point.accuracy, 6),
                f"{hits}_low": round(interval.low, 6),
                f"{hits}_high": round(interval.high, 6),
                "log_loss": round(float(np.mean(point.losses)), 6),
            }
        )
    return pd.DataFrame(rows)
