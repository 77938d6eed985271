"""Average precision: how far pictures that have a label are ranked before those that have not."""

from typing import Any

import numpy as np
from numpy.typing import NDArray


def average_precisions(targets: NDArray[Any], scores: NDArray[Any]) -> list[float | None]:
    """Average precision of every class, None where no picture has it, NaN where a score is.

    Args:
        targets: `[N, K]`, 1 where a class holds, else 0.
        scores: `[N, K]`, logits or probabilities.

    Source: scikit-learn's average_precision_score, which sums precision over the steps of recall.
    """
    columns = zip(targets.T, scores.T, strict=True)
    return [_average_precision(held, ranked) if held.any() else None for held, ranked in columns]


def mean_average_precision(targets: NDArray[Any], scores: NDArray[Any]) -> float | None:
    """Mean over the classes that some picture has, each counting alike; None where there is none."""
    found = [value for value in average_precisions(targets, scores) if value is not None]
    return float(np.mean(found)) if found else None


def _average_precision(held: NDArray[Any], ranked: NDArray[Any]) -> float:
    from sklearn.metrics import average_precision_score  # takes over a second, which one label a picture need not

    return float("nan") if np.isnan(ranked).any() else float(average_precision_score(held, ranked))
