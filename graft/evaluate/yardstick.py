"""What is measured and drawn of each kind of task."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from graft.evaluate import multi_label, single_label
from graft.report import plots


@dataclass(frozen=True, slots=True)
class Yardstick:
    """How one kind of task is measured.

    Attributes:
        headline: figures of a network that metrics.json holds.
        probe: those of the head alone.
        baseline: those of the answer that is right most often.
        figures: all of them, with what a person reads.
        measure: of probabilities `[N, K]`, losses `[N]`, targets, classes and groups, gives all figures.
        draw: into a folder, writes what was decided against the targets of the classes.
    """

    headline: tuple[str, ...]
    probe: tuple[str, ...]
    baseline: tuple[str, ...]
    figures: dict[str, str]
    measure: Callable[[NDArray[np.float64], NDArray[np.float64], Any, list[str], pd.Series], dict[str, Any]]
    draw: Callable[[Path, NDArray[np.int64], Any, list[str]], None]


def _draw_confusion(folder: Path, decided: NDArray[np.int64], targets: NDArray[np.int64], classes: list[str]) -> None:
    plots.save_confusion(folder / "confusion.png", single_label.confusion(decided, targets, classes), classes)


def _draw_outcomes(folder: Path, decided: NDArray[np.int64], targets: NDArray[np.float32], classes: list[str]) -> None:
    counts = multi_label.confusion(decided, targets.astype(np.int64))
    plots.save_outcomes(folder / "confusion.png", counts, classes)


YARDSTICKS = {
    False: Yardstick(
        single_label.HEADLINE,
        single_label.PROBE,
        single_label.BASELINE,
        single_label.FIGURES,
        single_label.measure,
        _draw_confusion,
    ),
    True: Yardstick(
        multi_label.HEADLINE,
        multi_label.PROBE,
        multi_label.BASELINE,
        multi_label.FIGURES,
        multi_label.measure,
        _draw_outcomes,
    ),
}
"""By whether a picture may have several labels."""
