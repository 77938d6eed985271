"""Parity: whether the bundle says of the raw files what the evaluation said of the cached pixels."""

from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from graft.errors import ExportError
from graft.model.task import Task


def compare(predictions: pd.DataFrame, probabilities: NDArray[np.float32], task: Task) -> dict[str, Any]:
    """Lay the bundle's probabilities beside those of the evaluation.

    Args:
        predictions: the evaluation's predictions.csv, probabilities as text.
        probabilities: `[N, K]`, the bundle's, of the same pictures in the same order.

    Returns:
        How many pictures there are, how many got another answer (``flips``), which, and the
        largest difference of a probability, rounded to what float32 holds.
    """
    measured = predictions[[f"p_{name}" for name in task.classes]].to_numpy(dtype=np.float64)
    said = np.asarray(task.texts(task.decide(probabilities)))
    flipped = said != predictions["predicted"].to_numpy()
    listed = [
        {"path": path, "evaluated": evaluated, "exported": exported}
        for path, evaluated, exported in zip(
            predictions["path"][flipped], predictions["predicted"][flipped], said[flipped], strict=True
        )
    ]
    gap = float(np.abs(measured - probabilities).max())
    return {"pictures": len(predictions), "flips": len(listed), "largest_difference": round(gap, 5), "flipped": listed}


def gate(parity: dict[str, Any], max_flips: int) -> None:
    """Refuse a bundle that answers otherwise than what was measured.

    Raises:
        ExportError: more pictures changed their answer than `export.max_flips` allows.
    """
    if parity["flips"] > max_flips:
        first = parity["flipped"][0]
        raise ExportError(
            f"{parity['flips']} of {parity['pictures']} test pictures get another answer from the bundle than from "
            f"evaluate, over export.max_flips = {max_flips}; the first is {first['path']}: "
            f"{first['evaluated'] or 'no class'} became {first['exported'] or 'no class'}"
        )
