"""Which pictures two networks answer differently."""

import numpy as np
import pandas as pd

from graft.compare.predicted import Predicted
from graft.tables import JOINED

NOW_RIGHT, NOW_WRONG, OTHERWISE = "now right", "now wrong", "wrong otherwise"

COLUMNS = ["path", "flip", "label", "answer_a", "chance_a", "answer_b", "chance_b", "loss_a", "loss_b"]


def flips(a: Predicted, b: Predicted) -> pd.DataFrame:
    """One row a picture whose answer changed, the largest change of loss first, equals by path.

    Columns: path; flip (now right, now wrong, wrong otherwise: B's answer after A's); label; answers of A
    and B with the probability of each class they name, several joined; losses.

    Args:
        a, b: of the same pictures, in the same order.
    """
    changed = (a.rows["predicted"] != b.rows["predicted"]).to_numpy()
    before, after = a.rows[changed], b.rows[changed]
    right_a, right_b = a.right[changed].to_numpy(), b.right[changed].to_numpy()
    told = pd.DataFrame(
        {
            "path": before.index,
            "flip": np.select([right_b, right_a], [NOW_RIGHT, NOW_WRONG], OTHERWISE),
            "label": before["label"].to_numpy(),
            "answer_a": before["predicted"].to_numpy(),
            "chance_a": [_joined(a.chance(path)) for path in before.index],
            "answer_b": after["predicted"].to_numpy(),
            "chance_b": [_joined(b.chance(path)) for path in after.index],
            "loss_a": before["loss"].to_numpy(),
            "loss_b": after["loss"].to_numpy(),
        },
        columns=COLUMNS,
    )
    change = (told["loss_b"] - told["loss_a"]).abs()
    order = told.assign(change=change).sort_values(["change", "path"], ascending=[False, True], kind="stable")
    return order[COLUMNS].reset_index(drop=True)


def _joined(chances: list[float]) -> str:
    return JOINED.join(f"{chance:.6f}" for chance in chances)
