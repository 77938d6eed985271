"""The evaluation of a split: what was answered, every table that follows from it, and the record of it all."""

import json
from collections.abc import Mapping
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
from graft.data.dataset import Dataset, Targets, targets
from graft.evaluate.calibration import calibration_error, reliability
from graft.evaluate.config import Evaluate
from graft.evaluate.decision import Answered, CoverageCurve, Logits, decide, is_answered, measure_answered
from graft.evaluate.metrics import Metrics, Scores, ends
from graft.evaluate.multi_label import MultiLabelMetrics
from graft.evaluate.networks import Answers
from graft.evaluate.record import NETWORKS, RECORD, Record, Slice
from graft.evaluate.single_label import SingleLabelMetrics
from graft.network.head import Description
from graft.stats.intervals import Interval, accuracy_interval, units
from graft.stats.paired import Difference, share_difference
from graft.tasks import Decision, MultiLabel, SingleLabel, Task

METRICS: dict[type[Task], type[Metrics]] = {SingleLabel: SingleLabelMetrics, MultiLabel: MultiLabelMetrics}
PREDICTIONS = "predictions.csv"
LINEAGE = "lineage.json"
PACKAGES = ("torch", "timm", "torchvision", "numpy", "pillow", "scikit-learn")
"""What decides on the figures, beside the inputs and graft itself."""
NO_SLICES = ("path", "label", "labels", "group", "split")
"""Columns that images are not sliced by."""
MOST_SLICES = 20
"""Values of a column that are shown, as `graft compare` has it: more cannot be read."""
EMPTY = "(none)"
"""How an empty value is shown."""


def read_predictions(folder: Path) -> pd.DataFrame:
    """Read predictions.csv, as `Evaluation.predictions` has it."""
    table = tables.read(folder / PREDICTIONS)
    return table.astype({name: float for name in table.columns if name == "loss" or name.startswith("p_")})


@dataclass(frozen=True)
class Evaluation:
    """Images of a split, and what the network handed on and the other one answer.

    Attributes:
        rows: labels.csv's columns for the split.
        task: with the classes in the order of the columns of logits and probabilities.
        logits: `[N, K]`, of the network handed on.
        other: logits `[N, K]`, of the other of head and fine-tuned network, at its own temperature; None where
            nothing was fine-tuned.
        decision: how logits become answers.
        kept: which network was handed on, ``head`` or ``finetuned``.
        most_confused: times that a class must be taken for another to be listed.
    """

    rows: pd.DataFrame
    task: Task
    logits: NDArray[np.float32]
    other: NDArray[np.float32] | None
    decision: Decision
    kept: str = "finetuned"
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

    @cached_property
    def correct(self) -> NDArray[np.bool_]:
        """Whether the network handed on answers each image correctly, `[N]`."""
        return self._is_correct(self.probabilities)

    def _is_correct(self, probabilities: NDArray[np.float64]) -> NDArray[np.bool_]:
        held = self.task.decide(probabilities) == self.targets
        return np.asarray(held.reshape(len(held), -1).all(1), dtype=np.bool_)

    def measure(self, logits: NDArray[np.float32], temperature: float = 1.0) -> Scores:
        """Measure the logits of a network."""
        answers, task = Logits(logits, self.targets), self.task
        probabilities, losses = answers.probabilities(task, temperature), answers.losses(task, temperature)
        return self.metrics.measure(probabilities, losses, self.targets, self.rows["group"])

    def write(self, folder: Path, cross_validated: Scores | None = None) -> Record:
        """Write record.json, with what is known of all images, and all tables."""
        slices, notes = self._slices()
        record = Record(
            kept=self.kept,
            networks=self._measure_networks(),
            difference=self._measure_difference(),
            cross_validated=cross_validated,
            slices=slices,
            notes=notes,
            mistakes=int((~self.correct).sum()),
            calibration_error=self._write_reliability(folder),
            answered=self._write_coverage(folder),
        )
        write_json(folder / RECORD, record.model_dump())
        self._write_tables(folder, record)
        return record

    def _measure_networks(self) -> dict[str, Scores]:
        """Scores of the head and the fine-tuned network, in that order."""
        found = {self.kept: self.measure(self.logits, self.decision.temperature)}
        if self.other is not None:
            found |= {name: self.measure(self.other) for name in NETWORKS if name != self.kept}
        return {name: found[name] for name in NETWORKS if name in found}

    def _measure_difference(self) -> Difference | None:
        """What the fine-tuned network answers correctly more than the head."""
        if self.other is None:
            return None
        pair = [self._is_correct(self.task.probabilities(self.other)), self.correct]
        head, finetuned = pair if self.kept == "finetuned" else reversed(pair)
        return share_difference(head, finetuned, units(self.rows["group"]))

    def _slices(self) -> tuple[dict[str, Slice], list[str]]:
        """Share of correct answers for the values of every column; which columns have more values than are shown."""
        found: dict[str, Slice] = {}
        notes: list[str] = []
        for column in (name for name in self.rows.columns if name not in NO_SLICES):
            images = self.rows.reset_index(drop=True).groupby(column, sort=True).indices
            shown = list(images)
            if len(images) > MOST_SLICES:
                shown = sorted(images, key=lambda value: (-len(images[value]), value))[:MOST_SLICES]
                notes.append(f"{column} has {len(images)} values: the {MOST_SLICES} with most images are shown.")
            for value in shown:
                some = self.correct[images[value]]
                interval, _ = accuracy_interval(some, self.rows["group"].iloc[images[value]])
                low, high = (interval.low, interval.high) if interval else (None, None)
                share = float(some.mean())
                found[f"{column}={value or EMPTY}"] = Slice(images=len(some), correct=share, low=low, high=high)
        return found, notes

    def _write_tables(self, folder: Path, record: Record) -> None:
        """Write what was measured, of all, by class and by slice, and every answer."""
        names = [name for name in self.metrics.meanings if name in record.scores.figures]
        table = pd.DataFrame({"figure": names, "meaning": [self.metrics.meanings[name] for name in names]})
        # first of the network handed on, then of each one
        columns = {"": record.scores} | {f"{of}_": record.networks.get(of) for of in NETWORKS}
        for prefix, scores in columns.items():
            for end in ("value", "low", "high"):
                keys = [name if end == "value" else f"{name}_{end}" for name in names]
                table[prefix + end] = [scores.figures.get(key) if scores else None for key in keys]
        classes = {name: scores.model_dump() for name, scores in record.scores.classes.items()}
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


def evaluations_of(
    dataset: Dataset, task: Task, kept: Description, answers: Answers, other: Answers | None, config: Evaluate
) -> dict[str, Evaluation]:
    """Decide how logits become answers, and evaluate the splits of `evaluate.interpret`.

    Args:
        kept: of the network handed on, whose answers are `answers`; `other` is the other one's.
    """
    name = "finetuned" if kept.finetuned else "head"
    decision, others = decide(task, answers.unseen, config), other.calibrated(task, config) if other else {}
    found: dict[str, Evaluation] = {}
    for split in config.interpret:
        rows = dataset.rows[dataset.rows["split"] == split].reset_index(drop=True)
        logits = answers.splits[split].values
        found[split] = Evaluation(rows, task, logits, others.get(split), decision, name, config.most_confused)
    return found


def write_evaluations(
    folder: Path, evaluations: Mapping[str, Evaluation], cross_validated: Scores | None = None
) -> Record:
    """Write the evaluation of test with metrics.json and decision.json, and those of other splits into folders within.

    Args:
        evaluations: by split, test among them.
        cross_validated: what heads answer of all images; the record of test holds it.

    Returns:
        The record of test.
    """
    records = {}
    for split, evaluation in evaluations.items():
        place = folder if split == "test" else folder / split
        place.mkdir(exist_ok=True)
        records[split] = evaluation.write(place, cross_validated if split == "test" else None)
    test, evaluation = records["test"], evaluations["test"]
    metrics = evaluation.metrics.headlines(test.networks, test.kept, test.cross_validated)
    if change := test.difference:
        interval = Interval(change.low, change.high) if change.is_known else None
        name = evaluation.task.primary_metric
        metrics["difference"] = {name: change.value, **ends(name, interval)}
    if test.answered:
        metrics["answered"] = test.answered.model_dump()
    write_json(folder / "metrics.json", metrics)
    evaluation.decision.write(folder)
    return test


def metrics_of(task: Task) -> Metrics:
    """How the answers to a task are measured."""
    return METRICS[type(task)](task)


def write_lineage(folder: Path, inputs: list[Path], processes: dict[str, str]) -> None:
    """Write what the figures follow from: a SHA-256 of every input, and what computed.

    Args:
        inputs: files, and folders whose weights count, with those of folders within.
        processes: how many of a stage computed on which devices, ``2 x cpu``.
    """
    files = [file for path in inputs for file in (sorted(path.rglob("model.safetensors")) if path.is_dir() else [path])]
    digests = {file.as_posix(): sha256(file) for file in files}
    versions = {"graft": __version__} | {name: version(name) for name in PACKAGES}
    write_json(folder / LINEAGE, {"files": digests, "versions": versions, "processes": processes})


def read_lineage(folder: Path) -> dict[str, dict[str, str]]:
    """Read the digests as ``files``, the versions as ``versions``, and by stage the ``processes``."""
    lineage: dict[str, dict[str, str]] = json.loads((folder / LINEAGE).read_text(encoding="utf-8"))
    return lineage
