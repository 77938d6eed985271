"""Whether of the answers given with 80 % confidence 80 % are correct, and the temperature that makes it so."""

from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.optimize import minimize_scalar

from graft.tasks import Task

BINS = 15
PRIOR_DEVIATION = 0.5
"""Standard deviation of the logarithm of temperatures that is expected beforehand.

It keeps a handful of images, all of them correct, from calling for boundless certainty."""
LIMIT = 3.0
"""The logarithm of a temperature lies between minus this and this."""


def reliability(confidence: NDArray[np.float64], holds: NDArray[np.bool_]) -> pd.DataFrame:
    """Gather answers in bins of equal width.

    Args:
        confidence: `[N]`, in [0, 1].
        holds: `[N]`, whether each answer is correct.

    Returns:
        One row for each bin that is not empty: low, high (its limits), answers, confidence (mean),
        share (of the answers, that hold).
    """
    number = np.minimum((confidence * BINS).astype(np.int64), BINS - 1)
    answers = pd.DataFrame({"bin": number, "confidence": confidence, "share": holds})
    table = answers.groupby("bin").agg(
        answers=("share", "size"), confidence=("confidence", "mean"), share=("share", "mean")
    )
    table.insert(0, "low", table.index.to_numpy() / BINS)
    table.insert(1, "high", (table.index.to_numpy() + 1) / BINS)
    return table.reset_index(drop=True)


def calibration_error(table: pd.DataFrame) -> float:
    """Mean distance of confidence and truth over the answers of `reliability`: the ECE.

    Source: Naeini et al. 2015, as Guo et al. 2017 use it, https://arxiv.org/abs/1706.04599
    """
    gaps = (table["confidence"] - table["share"]).abs()
    return float((gaps * table["answers"]).sum() / table["answers"].sum())


def fit_temperature(task: Task, logits: NDArray[np.float32], targets: NDArray[Any]) -> float:
    """Find the temperature that makes the true answers most likely.

    Args:
        logits: `[N, K]`, of images the network was not fitted to.
        targets: of the same images, as the task has them.

    Returns:
        What to divide logits by: above 1 the network was too confident. The most probable value
        given the images, log-normal around 1 without any.

    Source: Guo et al. 2017, https://arxiv.org/abs/1706.04599
    """
    exact = logits.astype(np.float64)

    def cost(exponent: float) -> float:
        likelihood = task.log_likelihood(exact / np.exp(exponent), targets)
        return float(-likelihood.sum() + (exponent / PRIOR_DEVIATION) ** 2 / 2)

    found = minimize_scalar(cost, bounds=(-LIMIT, LIMIT), method="bounded", options={"xatol": 1e-6})
    # six digits: what differs beyond is noise of floating point
    return round(float(np.exp(found.x)), 6)
