"""Figures that look at probabilities, not at answers, and what all figures have in common."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.metrics import roc_auc_score

from graft.stats.intervals import Interval, bootstrap
from graft.tasks.multi_label import average_precisions


def top_k(probabilities: NDArray[np.float64], targets: NDArray[np.int64], k: int) -> NDArray[np.float64]:
    """Whether each picture's class is among its `k` most probable, `[N]`, 0 or 1.

    Of equally probable classes the later one counts as less probable, as argmax has it.
    """
    given = probabilities[np.arange(len(targets)), targets][:, None]
    earlier = np.arange(probabilities.shape[1]) < targets[:, None]
    before = (probabilities > given) | ((probabilities == given) & earlier)
    return np.asarray(before.sum(1) < k, dtype=np.float64)


def brier(probabilities: NDArray[np.float64], held: NDArray[Any]) -> NDArray[np.float64]:
    """Squared distance of each picture's probabilities from the truth, summed over classes, `[N]`.

    Args:
        held: `[N, K]`, 1 where a class holds, else 0.

    Source: Brier 1950: 0 is right and sure, 2 is wrong and sure where one class holds.
    """
    return np.asarray(np.square(probabilities - held).sum(1), dtype=np.float64)


def ranked(held: NDArray[np.int64], probabilities: NDArray[np.float64]) -> list[dict[str, float | None]]:
    """ROC AUC and average precision of every class against the rest, None where there is nothing to rank.

    Args:
        held: `[N, K]`, 1 where a class holds, else 0.
    """
    precisions = average_precisions(held, probabilities)
    return [
        {
            "roc_auc": float(roc_auc_score(truth, scores)) if 0 < truth.sum() < len(truth) else None,
            "average_precision": precision,
        }
        for truth, scores, precision in zip(held.T, probabilities.T, precisions, strict=True)
    ]


def mean_of(by_class: dict[str, dict[str, Any]], figure: str) -> float | None:
    """Mean of a figure over the classes that have it; None where none has."""
    values = [row[figure] for row in by_class.values() if row[figure] is not None]
    return float(np.mean(values)) if values else None


def with_intervals(
    figures: Callable[[NDArray[np.float64]], dict[str, float]], groups: pd.Series
) -> dict[str, float | None]:
    """Measure all pictures, each figure followed by the ends of its interval, ``name_low`` and ``name_high``.

    Args:
        figures: what is measured when picture n counts `weights[n]` times, as `bootstrap` takes it.
        groups: unit of every picture, "" where there is none.
    """
    whole = figures(np.ones(len(groups)))
    found: dict[str, float | None] = {name: None if np.isnan(value) else value for name, value in whole.items()}
    for name, spread in bootstrap(figures, groups).items():
        found |= ends(name, spread)
    return found


def ends(name: str, interval: Interval | None) -> dict[str, float | None]:
    """Ends of a figure's interval, ``name_low`` and ``name_high``; None where it has none."""
    low, high = (interval.low, interval.high) if interval else (None, None)
    return {f"{name}_low": low, f"{name}_high": high}
