"""predictions.csv: what the network says of each picture of a split."""

from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from graft.tasks import Task


def table(
    paths: list[str],
    targets: NDArray[Any],
    probabilities: NDArray[np.float64],
    losses: NDArray[np.float64],
    task: Task,
) -> pd.DataFrame:
    """One row a picture: path, label, predicted, loss in nats an answer, then a probability for each class.

    Several labels of a picture stand in `label` and `predicted` joined, none as an empty text.
    Numbers are rounded to six digits: what differs beyond is noise of floating point.
    """
    columns = {
        "path": paths,
        "label": task.format_labels(targets),
        "predicted": task.format_labels(task.decide(probabilities)),
        "loss": losses.round(6),
    }
    chances = {f"p_{name}": probabilities[:, place].round(6) for place, name in enumerate(task.classes)}
    return pd.DataFrame(columns | chances)
