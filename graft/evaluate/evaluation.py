"""One evaluation of the test split: what was answered, every table that follows from it, and the record of it all."""

import json
from dataclasses import dataclass
from functools import cached_property
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from graft import __version__
from graft.core import tables
from graft.core.files import sha256, write_json
from graft.data.dataset import Targets, targets
from graft.evaluate.calibration import calibration_error, reliability
from graft.evaluate.decision import Answered, CoverageCurve, Logits, is_answered, measure_answered
from graft.evaluate.metrics import Measured, Metrics, Scores
from graft.evaluate.multi_label import MultiLabelMetrics
from graft.evaluate.single_label import SingleLabelMetrics
from graft.stats.intervals import accuracy_interval
from graft.tasks import Decision, MultiLabel, SingleLabel, Task

METRICS: dict[type[Task], type[Metrics]] = {SingleLabel: SingleLabelMetrics, MultiLabel: MultiLabelMetrics}
RECORD, PREDICTIONS = "record.json", "predictions.csv"
LINEAGE = "lineage.json"
PACKAGES = ("torch", "timm", "torchvision", "numpy", "pillow", "scikit-learn")
"""What decides on the figures, beside the inputs and graft itself."""
NO_SLICES = ("path", "label", "labels", "group", "split")
"""Columns that images are not sliced by."""
MOST_SLICES = 20
"""Values of a column that are shown, as `graft compare` has it: more cannot be read."""
EMPTY = "(none)"
"""How an empty value is shown."""


class Slice(Measured):
    """Images that share a value of a column, and the share of them that is answered correctly."""

    images: int
    correct: float
    low: float | None
    high: float | None


class Record(Measured):
    """What `evaluate` measured, as `report` reads it; what lies in tables beside it is not said twice."""

    test: Scores
    """Of the network handed on."""
    probe: Scores
    """Of the head alone, on stored features."""
    slices: dict[str, Slice]
    """By ``column=value``."""
    notes: list[str]
    """Which columns have more values than there are slices of."""
    mistakes: int
    """Images that are answered wrongly."""
    calibration_error: dict[str, float]
    """Expected calibration error ``before`` and ``after`` the logits are divided by the temperature."""
    answered: Answered | None
    """What is left of the answers, where the network may abstain."""

    def headline(self, metric: str) -> str:
        """One metric of the network with its interval, in a line."""
        value, low, high = (self.test.figures[metric + end] for end in ("", "_low", "_high"))
        interval = "one group, so no interval" if low is None else f"{low:.4f} to {high:.4f}"
        return f"{metric.replace('_', ' ')} {value:.4f} ({interval})"


def read_record(folder: Path) -> Record:
    """Read what `Evaluation.write` left in a folder."""
    return Record.model_validate_json((folder / RECORD).read_text(encoding="utf-8"))


def read_predictions(folder: Path) -> pd.DataFrame:
    """Read predictions.csv, as `Evaluation.predictions` has it."""
    table = tables.read(folder / PREDICTIONS)
    return table.astype({name: float for name in table.columns if name == "loss" or name.startswith("p_")})


@dataclass(frozen=True)
class Evaluation:
    """Test images and what the network and the linear probe answer.

    Attributes:
        rows: labels.csv's columns for the test split.
        task: with the classes in the order of the columns of logits and probabilities.
        logits: `[N, K]`, of the network handed on.
        probe: logits `[N, K]`, of the head alone.
        decision: how logits become answers.
        most_confused: times that a class must be taken for another to be listed.
    """

    rows: pd.DataFrame
    task: Task
    logits: NDArray[np.float32]
    probe: NDArray[np.float32]
    decision: Decision
    most_confused: int = 1

    @cached_property
    def targets(self) -> Targets:
        """What holds of every image, as numbers."""
        return targets(self.rows, self.task.classes)

    @cached_property
    def probabilities(self) -> NDArray[np.float64]:
        """Probabilities `[N, K]` of the network handed on, at its temperature."""
        return Logits(self.logits, self.targets).probabilities(self.task, self.decision.temperature)

    @cached_property
    def predictions(self) -> pd.DataFrame:
        """predictions.csv, a row an image: path, label, predicted, loss in nats an answer, probabilities.

        Several labels of an image stand in `label` and `predicted` joined, none as an empty text; `sure`
        says whether the answer is given, where the network may abstain. Numbers are rounded to six
        digits: what differs beyond is noise of floating point.
        """
        columns: dict[str, Any] = {
            "path": self.rows["path"],
            "label": self.task.format_labels(self.targets),
            "predicted": self.task.format_labels(self.task.decide(self.probabilities)),
        }
        if self.decision.abstain_below is not None:
            given = is_answered(self.probabilities.max(1), self.decision.abstain_below)
            columns["sure"] = np.where(given, "yes", "no")
        columns["loss"] = Logits(self.logits, self.targets).losses(self.task, self.decision.temperature).round(6)
        rounded = self.probabilities.round(6)
        return pd.DataFrame(columns | {f"p_{name}": rounded[:, k] for k, name in enumerate(self.task.classes)})

    @property
    def metrics(self) -> Metrics:
        """How the task's answers are measured."""
        return metrics_of(self.task)

    def measure(self, logits: NDArray[np.float32], temperature: float = 1.0) -> Scores:
        """Measure the network's logits or the probe's."""
        answers, task = Logits(logits, self.targets), self.task
        probabilities, losses = answers.probabilities(task, temperature), answers.losses(task, temperature)
        return self.metrics.measure(probabilities, losses, self.targets, self.rows["group"])

    def write(self, folder: Path) -> Record:
        """Write metrics.json, decision.json, record.json and all tables."""
        test, probe = self.measure(self.logits, self.decision.temperature), self.measure(self.probe)
        slices, notes = self._slices()
        record = Record(
            test=test,
            probe=probe,
            slices=slices,
            notes=notes,
            mistakes=int((self.predictions["predicted"] != self.predictions["label"]).sum()),
            calibration_error=self._write_reliability(folder),
            answered=self._write_coverage(folder),
        )
        answered = {"answered": record.answered.model_dump()} if record.answered else {}
        write_json(folder / "metrics.json", self.metrics.headlines(test, probe) | answered)
        self.decision.write(folder)
        write_json(folder / RECORD, record.model_dump())
        self._write_tables(folder, record)
        return record

    def _slices(self) -> tuple[dict[str, Slice], list[str]]:
        """Share of correct answers for the values of every column; which columns have more values than are shown."""
        correct = (self.predictions["predicted"] == self.predictions["label"]).to_numpy()
        found: dict[str, Slice] = {}
        notes: list[str] = []
        for column in (name for name in self.rows.columns if name not in NO_SLICES):
            images = self.rows.reset_index(drop=True).groupby(column, sort=True).indices
            shown = list(images)
            if len(images) > MOST_SLICES:
                shown = sorted(images, key=lambda value: (-len(images[value]), value))[:MOST_SLICES]
                notes.append(f"{column} has {len(images)} values: the {MOST_SLICES} with most images are shown.")
            for value in shown:
                some = correct[images[value]]
                interval, _ = accuracy_interval(some, self.rows["group"].iloc[images[value]])
                low, high = (interval.low, interval.high) if interval else (None, None)
                share = float(some.mean())
                found[f"{column}={value or EMPTY}"] = Slice(images=len(some), correct=share, low=low, high=high)
        return found, notes

    def _write_tables(self, folder: Path, record: Record) -> None:
        """Write what was measured, of all, by class and by slice, and every answer."""
        test, probe = record.test.figures, record.probe.figures
        figures = [
            [name, meaning, test[name], test.get(f"{name}_low"), test.get(f"{name}_high"), probe[name]]
            for name, meaning in self.metrics.meanings.items()
            if name in test
        ]
        table = pd.DataFrame(figures, columns=["figure", "meaning", "value", "low", "high", "probe"])
        classes = {name: scores.model_dump() for name, scores in record.test.classes.items()}
        per_class = pd.DataFrame.from_dict(classes, orient="index").rename_axis("class")
        slices = {name: each.model_dump() for name, each in record.slices.items()}
        per_slice = pd.DataFrame.from_dict(slices, orient="index").rename_axis("slice")
        share = self.task.primary_metric
        per_slice = per_slice.rename(columns={"correct": share, "low": f"{share}_low", "high": f"{share}_high"})
        tables.write(folder / "figures.csv", table.round(6))
        tables.write(folder / "classes.csv", per_class.round(6).reset_index())
        tables.write(folder / "slices.csv", per_slice.round(6).reset_index())
        tables.write(folder / PREDICTIONS, self.predictions)
        counts = self.metrics.confusion(self.predictions)
        confused = self.metrics.most_confused(counts)
        tables.write(folder / "confusion.csv", self.metrics.confusion_table(counts))
        if confused is not None:
            tables.write(folder / "confused.csv", confused[confused["images"] >= self.most_confused])

    def _write_reliability(self, folder: Path) -> dict[str, float]:
        """Lay confidence beside truth, before the temperature and after; return the calibration errors."""
        found = {
            name: reliability(*self.task.confidences(probabilities, self.targets))
            for name, probabilities in (("before", self.task.probabilities(self.logits)), ("after", self.probabilities))
        }
        table = pd.concat([rows.assign(temperature=name) for name, rows in found.items()])
        tables.write(folder / "reliability.csv", table.round(6))
        return {name: calibration_error(rows) for name, rows in found.items()}

    def _write_coverage(self, folder: Path) -> Answered | None:
        """Measure what is left when only the most confident answers are given, where the task allows to abstain."""
        if not self.task.can_abstain:
            return None
        confidence, correct = self.task.confidences(self.probabilities, self.targets)
        tables.write(folder / "coverage.csv", CoverageCurve.of(confidence, correct).table())
        below = self.decision.abstain_below
        return None if below is None else measure_answered(confidence, correct, self.rows["group"], below)


def metrics_of(task: Task) -> Metrics:
    """How the answers to a task are measured."""
    return METRICS[type(task)](task)


def write_lineage(folder: Path, inputs: list[Path]) -> None:
    """Write what the figures follow from: a SHA-256 of every input, and the versions that computed."""
    digests = {file.as_posix(): sha256(file) for file in inputs}
    versions = {"graft": __version__} | {name: version(name) for name in PACKAGES}
    write_json(folder / LINEAGE, {"files": digests, "versions": versions})


def read_lineage(folder: Path) -> dict[str, dict[str, str]]:
    """Read the digests as ``files`` and the versions as ``versions``."""
    lineage: dict[str, dict[str, str]] = json.loads((folder / LINEAGE).read_text(encoding="utf-8"))
    return lineage
