"""Each kind of task has a yardstick whose figures it really measures, and whose plot it draws."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from numpy.typing import NDArray

from graft.evaluate.yardstick import YARDSTICKS


@pytest.mark.parametrize(
    ("multi_label", "targets"),
    [(False, np.array([0, 1, 1])), (True, np.array([[1, 0], [0, 1], [1, 1]], dtype=np.float32))],
    ids=["one label", "several"],
)
def test_what_is_promised_is_measured_and_drawn(tmp_path: Path, multi_label: bool, targets: NDArray[Any]) -> None:
    kind = YARDSTICKS[multi_label]
    probabilities = np.array([[0.75, 0.25], [0.25, 0.75], [0.75, 0.25]])
    found = kind.measure(probabilities, np.ones(3), targets, ["a", "b"], pd.Series(["", "", ""]))
    assert set(kind.headline) | set(kind.probe) | set(kind.figures) - {"top_5_accuracy"} <= set(found)
    assert set(kind.baseline) <= set(found["majority"])
    decided = (probabilities >= 0.5).astype(np.int64) if multi_label else probabilities.argmax(1)
    kind.draw(tmp_path, decided, targets, ["a", "b"])
    assert (tmp_path / "confusion.png").read_bytes().startswith(b"\x89PNG")
