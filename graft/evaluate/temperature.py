"""Calibration: one number that makes a network as sure as it is right."""

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize_scalar

from graft.model.task import Task

SPREAD = 0.5
"""Deviation of the logarithm of temperatures that is expected beforehand.

It keeps a handful of pictures, all of them right, from calling for boundless certainty."""
LIMIT = 3.0


def fit_temperature(task: Task, logits: NDArray[np.float32], targets: NDArray[Any]) -> float:
    """Find the temperature that makes the true answers most likely.

    Args:
        logits: `[N, K]`, of pictures the network was not fitted to.
        targets: of the same pictures, as the task has them.

    Returns:
        What to divide logits by: above 1 the network was too sure of itself. The most probable
        value given the pictures, log-normal around 1 without any.

    Source: Guo et al. 2017, https://arxiv.org/abs/1706.04599
    """
    exact = logits.astype(np.float64)

    def cost(exponent: float) -> float:
        likelihood = task.log_likelihood(exact / np.exp(exponent), targets)
        return float(-likelihood.sum() + (exponent / SPREAD) ** 2 / 2)

    found = minimize_scalar(cost, bounds=(-LIMIT, LIMIT), method="bounded", options={"xatol": 1e-6})
    # six digits: what differs beyond is noise of floating point
    return round(float(np.exp(found.x)), 6)
