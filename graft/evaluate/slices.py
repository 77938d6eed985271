"""How right the classifier is on parts of the pictures."""

from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from graft.evaluate.metrics import ends
from graft.stats.intervals import accuracy_interval

MOST = 20
"""Values of a column that are shown, as `graft compare` has it: more cannot be read."""
NOTHING = "(none)"
"""How a value is called that is empty."""


def by_slice(
    right: NDArray[np.bool_], rows: pd.DataFrame, columns: list[str], name: str = "accuracy"
) -> tuple[dict[str, dict[str, Any]], list[str]]:
    """Share that is right with its interval for the values of some columns, ``{"type=mono": {...}}``.

    Args:
        name: what the share is called.

    Returns:
        Slices, and which of the columns have more values than are shown.
    """
    found: dict[str, dict[str, Any]] = {}
    left_out: list[str] = []
    for column in columns:
        inside = rows.reset_index(drop=True).groupby(column, sort=True).indices
        shown = list(inside)
        if len(inside) > MOST:
            shown = sorted(inside, key=lambda value: (-len(inside[value]), value))[:MOST]
            left_out.append(f"{column} has {len(inside)} values: the {MOST} with most pictures are shown.")
        for value in shown:
            some = right[inside[value]]
            interval, _ = accuracy_interval(some, rows["group"].iloc[inside[value]])
            found[f"{column}={value or NOTHING}"] = {
                "images": len(some),
                name: float(some.mean()),
                **ends(name, interval),
            }
    return found, left_out
