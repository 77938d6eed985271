"""One evaluation of the test split: every table and plot from one array of probabilities."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from graft import atomic, tables
from graft.evaluate import gallery, metrics, predictions
from graft.evaluate.settings import Evaluate
from graft.evaluate.yardstick import YARDSTICKS, Yardstick
from graft.images.rows import PictureRows
from graft.model.task import Task
from graft.split.table import Targets, targets

KEYS = ("path", "label", "labels", "group", "split")
"""Columns that pictures are not sliced by."""


@dataclass(frozen=True, slots=True)
class Evaluation:
    """Test pictures and what the network and the linear probe say of them.

    Attributes:
        rows: labels.csv's columns for the test split.
        task: with the classes in the order of the columns of the probabilities.
        network, probe: probabilities `[N, K]`, of the network handed on and of the head alone.
    """

    rows: pd.DataFrame
    task: Task
    network: NDArray[np.float64]
    probe: NDArray[np.float64]

    @property
    def yardstick(self) -> Yardstick:
        """What is measured of the task's kind."""
        return YARDSTICKS[self.task.multi_label]

    def measure(self, probabilities: NDArray[np.float64]) -> dict[str, Any]:
        """Measure one of the two."""
        return self.yardstick.measure(probabilities, self.targets, self.task.classes, self.rows["group"])

    @property
    def targets(self) -> Targets:
        """What holds of every picture, as numbers."""
        return targets(self.rows, self.task.classes)

    def write(self, folder: Path, pixels: PictureRows, knobs: Evaluate) -> dict[str, Any]:
        """Write metrics, tables and plots; return what the report shows of them."""
        task, kind, wanted = self.task, self.yardstick, self.targets
        test, probe = self.measure(self.network), self.measure(self.probe)
        columns = [name for name in self.rows.columns if name not in KEYS]
        told = predictions.table(self.rows["path"].tolist(), wanted, self.network, task)
        right = (told["predicted"] == told["label"]).to_numpy()
        slices = metrics.by_slice(right, self.rows, columns, task.hits)

        atomic.write_json(
            folder / "metrics.json",
            {
                "test": {key: test[key] for key in kind.headline},
                "probe": {key: probe[key] for key in kind.headline},
                "majority": {key: test["majority"][key] for key in kind.baseline},
            },
        )
        per_class = pd.DataFrame.from_dict(test["classes"], orient="index").rename_axis("class")
        tables.write(folder / "classes.csv", per_class.round(6).reset_index())
        tables.write(
            folder / "slices.csv",
            pd.DataFrame.from_dict(slices, orient="index").rename_axis("slice").round(6).reset_index(),
        )
        tables.write(folder / "predictions.csv", told)
        kind.draw(folder / "confusion.png", task.decide(self.network), wanted, task.classes)
        gallery.save_sample(folder / "sample.png", told, pixels, task, knobs.gallery)
        gallery.save_top_losses(folder / "top_losses.png", told, pixels, task, knobs.gallery)
        networks = [("this network", test), ("linear probe: the head alone", probe)]
        return {
            "classes": task.classes,
            "multi_label": task.multi_label,
            "test": test,
            "networks": networks,
            "slices": slices,
        }
