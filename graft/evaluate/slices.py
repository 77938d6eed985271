"""How right the classifier is on parts of the pictures."""

from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from graft.evaluate.scores import ends
from graft.intervals import accuracy_interval


def by_slice(
    right: NDArray[np.bool_], rows: pd.DataFrame, columns: list[str], name: str = "accuracy"
) -> dict[str, dict[str, Any]]:
    """Share that is right with its interval for every value of some columns, ``{"type=mono": {...}}``.

    Args:
        name: what the share is called.
    """
    found: dict[str, dict[str, Any]] = {}
    for column in columns:
        for value in sorted(rows[column].unique()):
            inside = (rows[column] == value).to_numpy()
            interval, _ = accuracy_interval(right[inside], rows.loc[inside, "group"])
            found[f"{column}={value}"] = {
                "pictures": int(inside.sum()),
                name: float(right[inside].mean()),
                **ends(name, interval),
            }
    return found
