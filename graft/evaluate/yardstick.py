"""What is measured and drawn of each kind of task."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from graft.evaluate import metrics, multi_label, plots


@dataclass(frozen=True, slots=True)
class Yardstick:
    """How one kind of task is measured.

    Attributes:
        headline: figures of a network that metrics.json holds.
        baseline: those of the answer that is right most often.
        measure: of probabilities `[N, K]`, targets, classes and groups, gives all figures.
        draw: into a file, draws what was decided against the targets of the classes.
    """

    headline: tuple[str, ...]
    baseline: tuple[str, ...]
    measure: Callable[[NDArray[np.float64], Any, list[str], pd.Series], dict[str, Any]]
    draw: Callable[[Path, NDArray[np.int64], Any, list[str]], None]


def _draw_confusion(path: Path, decided: NDArray[np.int64], targets: NDArray[np.int64], classes: list[str]) -> None:
    plots.save_confusion(path, metrics.confusion(decided, targets, classes), classes)


def _draw_outcomes(path: Path, decided: NDArray[np.int64], targets: NDArray[np.float32], classes: list[str]) -> None:
    plots.save_outcomes(path, multi_label.confusion(decided, targets.astype(np.int64)), classes)


YARDSTICKS = {
    False: Yardstick(metrics.HEADLINE, metrics.BASELINE, metrics.measure, _draw_confusion),
    True: Yardstick(multi_label.HEADLINE, multi_label.BASELINE, multi_label.measure, _draw_outcomes),
}
"""By whether a picture may have several labels."""
