"""One evaluation of the test split: every table and plot that follows from what was answered."""

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from graft.core import tables
from graft.core.files import write_json
from graft.data.arrays import ImageRows
from graft.data.dataset import Targets, targets
from graft.evaluate import abstention, predictions
from graft.evaluate.calibration import calibration_error, confidences, reliability, save_reliability
from graft.evaluate.config import Evaluate
from graft.evaluate.decision import Logits
from graft.evaluate.slices import by_slice
from graft.evaluate.yardstick import YARDSTICKS, Yardstick
from graft.render.sheets import save_note
from graft.report import gallery
from graft.stats.intervals import ONE_GROUP
from graft.tasks import Decision, Task

KEYS = ("path", "label", "labels", "group", "split")
"""Columns that pictures are not sliced by."""


@dataclass(frozen=True)
class Evaluation:
    """Test pictures and what the network and the linear probe say of them.

    Attributes:
        rows: labels.csv's columns for the test split.
        task: with the classes in the order of the columns of logits and probabilities.
        logits: `[N, K]`, of the network handed on.
        probe: logits `[N, K]`, of the head alone.
        decision: how logits become answers.
    """

    rows: pd.DataFrame
    task: Task
    logits: NDArray[np.float32]
    probe: NDArray[np.float32]
    decision: Decision

    @property
    def yardstick(self) -> Yardstick:
        """What is measured of the task's kind."""
        return YARDSTICKS[self.task.multi_label]

    @cached_property
    def targets(self) -> Targets:
        """What holds of every picture, as numbers."""
        return targets(self.rows, self.task.classes)

    @cached_property
    def network(self) -> NDArray[np.float64]:
        """Probabilities `[N, K]` of the network handed on, at its temperature."""
        return Logits(self.logits, self.targets).probabilities(self.task, self.decision.temperature)

    @cached_property
    def predictions(self) -> pd.DataFrame:
        """The table of answers."""
        losses = Logits(self.logits, self.targets).losses(self.task, self.decision.temperature)
        told = predictions.table(self.rows["path"].tolist(), self.targets, self.network, losses, self.task)
        if self.decision.abstain_below is not None:
            answers = abstention.sure(self.network.max(1), self.decision.abstain_below)
            told.insert(3, "sure", np.where(answers, "yes", "no"))
        return told

    def measure(self, logits: NDArray[np.float32], temperature: float = 1.0) -> dict[str, Any]:
        """Measure one of the two."""
        answers, task = Logits(logits, self.targets), self.task
        told = answers.probabilities(task, temperature), answers.losses(task, temperature)
        return self.yardstick.measure(*told, self.targets, task.classes, self.rows["group"])

    def write(self, folder: Path, pixels: ImageRows, config: Evaluate) -> dict[str, Any]:
        """Write metrics, tables and plots; return what the report shows of them."""
        task, kind, told = self.task, self.yardstick, self.predictions
        test, probe = self.measure(self.logits, self.decision.temperature), self.measure(self.probe)
        headline = {
            "test": {key: test[key] for key in kind.headline},
            "probe": {key: probe[key] for key in kind.probe},
            "majority": {key: test["majority"][key] for key in kind.baseline},
            "interval": test["interval"],
        }
        facts: dict[str, Any] = {"coverage": None, "answered": None}
        if task.multi_label:
            save_note(folder / "coverage.png", "with several labels a picture, every picture is answered")
        else:
            facts = self._selective(folder)
            headline |= {"answered": facts["answered"]} if facts["answered"] else {}
        write_json(folder / "metrics.json", headline)
        self.decision.write(folder)
        figures, slices, left_out = self._tables(folder, test, probe, told)
        kind.draw(folder, task.decide(self.network), self.targets, task.classes)
        gallery.save_sample(folder / "sample.png", told, pixels, task, config.gallery)
        gallery.save_top_losses(folder / "top_losses.png", told, pixels, task, config.gallery)
        return facts | {
            "classes": task.classes,
            "multi_label": task.multi_label,
            "test": test,
            "networks": [("this network", test), ("linear probe: the head alone", probe)],
            "figures": figures,
            "slices": slices,
            "slices_left_out": left_out,
            "mistakes": int((told["predicted"] != told["label"]).sum()),
            "calibration": self._calibration(folder),
            "decision": self.decision,
        }

    def _tables(
        self, folder: Path, test: dict[str, Any], probe: dict[str, Any], told: pd.DataFrame
    ) -> tuple[list[dict[str, Any]], dict[str, dict[str, Any]], list[str]]:
        """Write what was measured, of all, by class and by slice, and every answer."""
        figures = [
            {
                "figure": name,
                "meaning": meaning,
                **{column: test.get(name + end) for column, end in (("value", ""), ("low", "_low"), ("high", "_high"))},
                "probe": probe[name],
                "why": _why_none(name, test),
            }
            for name, meaning in self.yardstick.figures.items()
            if name in test
        ]
        right = (told["predicted"] == told["label"]).to_numpy()
        columns = [name for name in self.rows.columns if name not in KEYS]
        slices, left_out = by_slice(right, self.rows, columns, self.task.primary_metric)
        per_class = pd.DataFrame.from_dict(test["classes"], orient="index").rename_axis("class")
        per_slice = pd.DataFrame.from_dict(slices, orient="index").rename_axis("slice")
        tables.write(folder / "figures.csv", pd.DataFrame(figures).drop(columns="why").round(6))
        tables.write(folder / "classes.csv", per_class.round(6).reset_index())
        tables.write(folder / "slices.csv", per_slice.round(6).reset_index())
        tables.write(folder / "predictions.csv", told)
        return figures, slices, left_out

    def _calibration(self, folder: Path) -> dict[str, float]:
        """Lay confidence beside truth, without the temperature and with it."""
        plain = self.task.probabilities(self.logits)
        found = {
            name: reliability(*self._confidences(values))
            for name, values in (("before", plain), ("after", self.network))
        }
        table = pd.concat([rows.assign(temperature=name) for name, rows in found.items()])
        tables.write(folder / "reliability.csv", table.round(6))
        answer = "share of pictures that have it" if self.task.multi_label else "right answers"
        save_reliability(folder / "reliability.png", found, answer)
        return {name: calibration_error(rows) for name, rows in found.items()}

    def _selective(self, folder: Path) -> dict[str, Any]:
        """Measure what is left when only the surest pictures are answered."""
        confidence, right = self._confidences(self.network)
        curve, below = abstention.Surest.of(confidence, right).table(), self.decision.abstain_below
        tables.write(folder / "coverage.csv", curve)
        answered = None if below is None else abstention.answered(confidence, right, self.rows["group"], below)
        abstention.save_coverage(folder / "coverage.png", curve, None if answered is None else answered["coverage"])
        return {"coverage": curve.to_dict("records"), "answered": answered}

    def _confidences(self, probabilities: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
        return confidences(self.task, probabilities, self.targets)


def _why_none(name: str, test: dict[str, Any]) -> str:
    """Why a figure has no interval, where it has none."""
    if f"{name}_low" not in test:
        return "not computed"
    return "one group" if test["interval"] == ONE_GROUP else "the draws agree, or most have no value"
