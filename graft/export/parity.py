"""Parity: whether the bundle says of the raw files what the evaluation said of the cached pixels."""

from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from graft.core.errors import ExportError
from graft.tasks import Task

NOT_SURE = "not sure"


def compare(
    predictions: pd.DataFrame, probabilities: NDArray[np.float32], task: Task, abstain_below: float | None = None
) -> dict[str, Any]:
    """Lay the bundle's probabilities beside those of the evaluation.

    Args:
        predictions: the evaluation's predictions.csv, all text; its column ``sure`` says of which pictures
            the answer was given, for its probabilities are rounded.
        probabilities: `[N, K]`, the bundle's, of the same pictures in the same order.
        abstain_below: confidence from which on an answer is given.

    Returns:
        How many pictures there are, how many got another answer (``flips``), which, how many are
        right (``right``), and the largest difference of a probability, rounded to what float32
        holds. Where the classifier may be not sure, that is an answer too.
    """
    measured = predictions[[f"p_{name}" for name in task.classes]].to_numpy(dtype=np.float64)
    said = np.asarray(task.texts(task.decide(probabilities)), dtype=object)
    right = said == predictions["label"].to_numpy()
    wanted = predictions["predicted"].to_numpy(dtype=object)
    if abstain_below is not None:
        # in double precision, as whoever reads the bundle's answer compares
        sure = probabilities.max(1).astype(np.float64) >= abstain_below
        said, wanted = np.where(sure, said, NOT_SURE), np.where(predictions["sure"] == "yes", wanted, NOT_SURE)
    flipped = said != wanted
    listed = [
        {"path": path, "evaluated": evaluated, "exported": exported}
        for path, evaluated, exported in zip(predictions["path"][flipped], wanted[flipped], said[flipped], strict=True)
    ]
    gap = float(np.abs(measured - probabilities).max())
    return {
        "images": len(predictions),
        "right": int(right.sum()),
        "flips": len(listed),
        "largest_difference": round(gap, 5),
        "flipped": listed,
    }


def gate(parity: dict[str, Any], most: float, knob: str = "export.max_flips") -> None:
    """Refuse a bundle that answers otherwise than what was measured.

    Args:
        most: pictures that may change their answer.
        knob: where the user sets that.

    Raises:
        ExportError: more did.
    """
    if parity["flips"] > most:
        first = parity["flipped"][0]
        raise ExportError(
            f"{parity['flips']} of {parity['pictures']} test pictures get another answer from the bundle than from "
            f"evaluate, over {knob} = {most:g}; the first is {first['path']}: "
            f"{first['evaluated'] or 'no class'} became {first['exported'] or 'no class'}"
        )
