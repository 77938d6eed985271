"""One evaluation of the test split: every table and plot from one array of probabilities."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from graft import atomic, tables
from graft.evaluate import gallery, metrics, plots, predictions
from graft.evaluate.settings import Evaluate
from graft.images.rows import PictureRows

HEADLINE = ("pictures", "accuracy", "accuracy_low", "accuracy_high", "error_rate", "macro_f1", "log_loss")
"""What metrics.json holds of a network: few enough to read in a diff; the rest lies in tables."""


@dataclass(frozen=True, slots=True)
class Evaluation:
    """Test pictures and what the network and the linear probe say of them.

    Attributes:
        rows: labels.csv's columns for the test split.
        classes: in the order of the columns of the probabilities.
        network, probe: probabilities `[N, K]`, of the network handed on and of the head alone.
    """

    rows: pd.DataFrame
    classes: list[str]
    network: NDArray[np.float64]
    probe: NDArray[np.float64]

    def measure(self, probabilities: NDArray[np.float64]) -> dict[str, Any]:
        """Measure one of the two."""
        return metrics.measure(probabilities, self.targets, self.classes, self.rows["group"])

    @property
    def targets(self) -> NDArray[np.int64]:
        """Place of every label among the classes, `[N]`."""
        return np.asarray(pd.Categorical(self.rows["label"], self.classes).codes, dtype=np.int64)

    def write(self, folder: Path, pixels: PictureRows, knobs: Evaluate) -> dict[str, Any]:
        """Write metrics, tables and plots; return what the report shows of them."""
        targets, predicted = self.targets, self.network.argmax(1)
        test, probe = self.measure(self.network), self.measure(self.probe)
        columns = [name for name in self.rows.columns if name not in ("path", "label", "group", "split")]
        slices = metrics.by_slice(predicted == targets, self.rows, columns)

        atomic.write_json(
            folder / "metrics.json",
            {
                "test": {key: test[key] for key in HEADLINE},
                "probe": {key: probe[key] for key in HEADLINE},
                "majority": {"accuracy": test["majority"]["accuracy"]},
            },
        )
        per_class = pd.DataFrame.from_dict(test["classes"], orient="index").rename_axis("class")
        tables.write(folder / "classes.csv", per_class.round(6).reset_index())
        tables.write(
            folder / "slices.csv",
            pd.DataFrame.from_dict(slices, orient="index").rename_axis("slice").round(6).reset_index(),
        )
        told = predictions.table(self.rows["path"].tolist(), self.rows["label"].tolist(), self.network, self.classes)
        tables.write(folder / "predictions.csv", told)
        plots.save_confusion(
            folder / "confusion.png", metrics.confusion(predicted, targets, self.classes), self.classes
        )
        gallery.save_sample(folder / "sample.png", told, pixels, knobs.gallery)
        gallery.save_top_losses(folder / "top_losses.png", told, pixels, knobs.gallery)
        networks = [("this network", test), ("linear probe: the head alone", probe)]
        return {"classes": self.classes, "test": test, "networks": networks, "slices": slices}
