"""Whether of the answers given with 80 % confidence 80 % are right."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from numpy.typing import NDArray
from scipy.optimize import minimize_scalar

from graft.render.figures import save_figure
from graft.tasks import Task

BINS = 15
COLOURS = {"before": "#9aa4b0", "after": "#2f6db5"}


def confidences(
    task: Task, probabilities: NDArray[np.float64], targets: NDArray[Any]
) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """How sure the network is of each answer, and whether it holds, both flat.

    With one label a picture that is the probability of the class answered, and whether it is the
    picture's; with several, the probability of each class, and whether the picture has it.
    """
    return task.confidences(probabilities, targets)


def reliability(confidence: NDArray[np.float64], holds: NDArray[np.bool_]) -> pd.DataFrame:
    """Gather answers in bins of equal width.

    Returns:
        One row for each bin that is not empty: low, high (its limits), answers, confidence (mean),
        share (of the answers, that hold).
    """
    place = np.minimum((confidence * BINS).astype(np.int64), BINS - 1)
    answers = pd.DataFrame({"bin": place, "confidence": confidence, "share": holds})
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


def save_reliability(path: Path, tables: dict[str, pd.DataFrame], answer: str) -> None:
    """Draw the share that holds over confidence.

    Args:
        tables: by when they were made, ``before`` and ``after`` calibration.
        answer: what the share is called.
    """
    figure = Figure(figsize=(4.8, 4.8), layout="constrained")
    axes = figure.subplots()
    axes.plot([0, 1], [0, 1], color="#5b6470", linewidth=1, linestyle=":")
    for name, table in tables.items():
        label = f"{name}, ECE {calibration_error(table):.3f}"
        axes.plot(table["confidence"], table["share"], color=COLOURS[name], linewidth=1.2, label=label)
        # the area of a dot is the share of the answers
        sizes = 250 * table["answers"] / table["answers"].sum() + 6
        axes.scatter(table["confidence"], table["share"], s=sizes, color=COLOURS[name])
    axes.set(xlim=(0, 1.02), ylim=(-0.02, 1.02), xlabel="confidence", ylabel=answer, aspect="equal")
    axes.spines[["top", "right"]].set_visible(False)
    axes.legend(loc="upper left", frameon=False)
    save_figure(figure, path)


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
