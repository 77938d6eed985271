"""Two runs compared on the same test images: every figure that is shown, in whatever form."""

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from graft.apps.compare.match import Match, differences, match, mismatch_error
from graft.apps.compare.paired import Slice, mcnemar, measure_slices
from graft.apps.compare.revisions import WORKSPACE, open_revision
from graft.apps.compare.run import (
    MetricPair,
    ParamChange,
    Predictions,
    Run,
    changed_params,
    paired_metrics,
    read_labels,
    read_run,
)
from graft.stats.intervals import units
from graft.stats.paired import Difference, mean_difference

NOW_CORRECT, NOW_WRONG, STILL_WRONG = "now correct", "now wrong", "still wrong"
"""What became of a prediction that changed; the last is another wrong one."""

BETTER, WORSE, UNDECIDED = "better", "worse", "can't tell"

RULE = (
    "B is better where the whole 95 % interval of the difference in {} lies above 0, "
    "worse where it lies below 0; else one can't tell. No other figure decides."
)
"""What `decide` does, said of the primary metric."""

GROUPS_UNKNOWN = (
    "the split keeps groups together, but which image is of which group is not known here, "
    "so no interval can be trusted"
)
UNGROUPED = "groups and slices are not known, so images are taken as independent"
NOTHING_DIFFERS = "A and B predict the same for every image, to the last digit"
STALE = ", though parameters differ: did `dvc repro` run since they changed?"
HANDED_ON = {"head": "its head", "finetuned": "its fine-tuned network"}
SAME_HEAD = (
    ": both hand on the same head. What differs can have changed the fine-tuned network alone, which was not handed "
    "on: it was no better on valid, or finetune.keep is head"
)
SAME_NETWORK = ": both hand on the same network, to the last bit; what differs does not reach it"


@dataclass(frozen=True, slots=True)
class Verdict:
    """`word` is one of better, worse, can't tell; `reason` says why."""

    word: str
    reason: str


@dataclass(frozen=True, slots=True)
class Loss:
    """Mean log loss of A and B in nats; less is better."""

    a: float
    b: float
    difference: Difference | None


@dataclass(frozen=True, slots=True)
class Comparison:
    """What a person is shown of two runs.

    Attributes:
        a, b: titles.
        primary_metric: the share of wholly correct predictions by its name: accuracy or exact match.
        groups: independent groups among the images; None where each image stands for itself.
        overall: all images; the difference that decides.
        now_correct, now_wrong, still_wrong: images whose prediction changed, by what became of it.
        p: McNemar's, which takes images as independent.
        loss: None where the classes differ.
        changes: images whose prediction changed, as `changed_predictions` gives them.
        notes: what the reader must know to trust the figures.
    """

    a: str
    b: str
    verdict: Verdict
    rule: str
    primary_metric: str
    groups: int | None
    overall: Slice
    now_correct: int
    now_wrong: int
    still_wrong: int
    p: float
    loss: Loss | None
    slices: list[Slice]
    params: list[ParamChange]
    metrics: list[MetricPair]
    changes: pd.DataFrame
    notes: list[str]

    def to_json(self) -> dict[str, Any]:
        """Everything, ready for JSON."""
        metrics = [asdict(pair) | {"difference": pair.difference} for pair in self.metrics]
        return asdict(self) | {"metrics": metrics, "changes": self.changes.to_dict(orient="records")}


def compare_revisions(name_a: str, name_b: str, root: Path, common: bool = False) -> Comparison:
    """Compare two revisions of the project.

    Groups and slices are those of B's labels.csv, else of A's, else of the workspace's: the group of an
    image hardly changes, and a table that DVC keeps may not be at hand for every revision.

    Args:
        root: the folder that holds params.yaml.
        common: compare the images that both have with the same label, where the test sets differ.

    Raises:
        RevisionError: a name means nothing, or a revision has no predictions.
        DataError: the test sets differ, or a file is not what a stage writes.
    """
    with open_revision(name_a, root) as a, open_revision(name_b, root) as b, open_revision(WORKSPACE, root) as here:
        run_a, run_b = read_run(a), read_run(b)
        paths = match(run_a, run_b).both
        reasons = []
        for revision in (b, a, here):
            labels, reason = read_labels(revision, paths)
            if labels is not None:
                break
            reasons.append(reason)
        return compare_runs(run_a, run_b, labels, common, why_no_labels=reasons[0] if reasons else "")


def compare_runs(
    a: Run, b: Run, labels: pd.DataFrame | None, common: bool = False, why_no_labels: str = ""
) -> Comparison:
    """Compare two runs.

    Args:
        labels: columns of labels.csv for the images that both have with the same label, in order of path;
            None where they cannot be had, and `why_no_labels` then says why.
        common: compare the images that both have with the same label, where the test sets differ.

    Raises:
        DataError: the test sets differ, and `common` does not allow it; or nothing is common.
    """
    found, params = match(a, b), changed_params(a.params, b.params)
    if not found.both or not (common or found.same):
        raise mismatch_error(a, b, found, params)
    before, after = a.predictions.select(found.both), b.predictions.select(found.both)
    correct_a, correct_b = before.correct.to_numpy(), after.correct.to_numpy()
    loss_a, loss_b = (one.rows["loss"].to_numpy(dtype=np.float64) for one in (before, after))
    unit = units(labels["group"]) if labels is not None and "group" in labels.columns else None

    multi_label = a.predictions.multi_label or b.predictions.multi_label
    primary_metric = "exact match" if multi_label else "accuracy"
    loss = Loss(float(loss_a.mean()), float(loss_b.mean()), mean_difference(loss_a, loss_b, unit))
    overall = Slice.measure("all images", correct_a, correct_b, unit)
    splits = (run.params.get("split") for run in (a, b))
    by_group = any(isinstance(split, dict) and split.get("by") == "group" for split in splits)
    doubt = GROUPS_UNKNOWN if labels is None and by_group else None
    if not overall.difference.is_known:
        doubt = "all images are of one group, which says nothing of others"
    changes = changed_predictions(before, after)
    counts = changes["change"].value_counts()
    why_equal = _why_equal(a, b) if params and found.same else ""
    slices, left_out = measure_slices(correct_a, correct_b, unit, labels, None if multi_label else before.rows["label"])
    return Comparison(
        a=a.title,
        b=b.title,
        verdict=decide(overall.difference, doubt),
        rule=RULE.format(primary_metric),
        primary_metric=primary_metric,
        groups=None if unit is None else int(unit.max()) + 1,
        overall=overall,
        now_correct=int(counts.get(NOW_CORRECT, 0)),
        now_wrong=int(counts.get(NOW_WRONG, 0)),
        still_wrong=int(counts.get(STILL_WRONG, 0)),
        p=mcnemar(int((correct_b & ~correct_a).sum()), int((correct_a & ~correct_b).sum())),
        loss=None if found.classes_a or found.classes_b else loss,
        slices=slices,
        params=params,
        metrics=paired_metrics(a.metrics, b.metrics),
        changes=changes,
        notes=[
            *dict.fromkeys(_notes(a, b, found)),
            *([NOTHING_DIFFERS + why_equal] if before.rows.equals(after.rows) else []),
            *([f"{UNGROUPED}: {why_no_labels}"] if labels is None else []),
            *left_out,
        ],
    )


def decide(difference: Difference, doubt: str | None = None) -> Verdict:
    """Decide by the interval of the difference in accuracy, or exact match, alone.

    Log loss, McNemar's p and slices stand beside it and decide nothing: who may choose among four tests is
    misled four times as often.

    Args:
        doubt: why the interval cannot be trusted; nothing is decided then.
    """
    if doubt:
        return Verdict(UNDECIDED, doubt)
    if difference.low > 0:
        return Verdict(BETTER, "the whole interval lies above 0")
    if difference.high < 0:
        return Verdict(WORSE, "the whole interval lies below 0")
    return Verdict(UNDECIDED, "the interval holds 0, so chance alone may make this difference")


def changed_predictions(a: Predictions, b: Predictions) -> pd.DataFrame:
    """One row an image whose prediction changed, the largest change of loss first, equals by path.

    Columns: path; change (now correct, now wrong, still wrong: B's prediction after A's); label; predictions
    of A and B with the probability of each class they name, several joined; losses.

    Args:
        a, b: of the same images, in the same order.
    """
    changed = (a.rows["predicted"] != b.rows["predicted"]).to_numpy()
    before, after = a.rows[changed], b.rows[changed]
    correct = [b.correct[changed].to_numpy(), a.correct[changed].to_numpy()]
    columns = {
        "path": before.index,
        "change": np.select(correct, [NOW_CORRECT, NOW_WRONG], STILL_WRONG),
        "label": before["label"].to_numpy(),
        "predicted_a": before["predicted"].to_numpy(),
        "probability_a": [a.confidence(path) for path in before.index],
        "predicted_b": after["predicted"].to_numpy(),
        "probability_b": [b.confidence(path) for path in after.index],
        "loss_a": before["loss"].to_numpy(),
        "loss_b": after["loss"].to_numpy(),
    }
    rows = pd.DataFrame(columns).assign(size=(after["loss"] - before["loss"]).abs().to_numpy())
    return rows.sort_values(["size", "path"], ascending=[False, True], ignore_index=True).drop(columns="size")


def _why_equal(a: Run, b: Run) -> str:
    """Why two runs may predict the same although their parameters differ."""
    if changed := [f"{', '.join(run.stale)} in {run.title}" for run in (a, b) if run.stale]:
        return f", though parameters differ: {' and '.join(changed)} changed after the run; run `dvc repro`"
    if not (a.recorded and b.recorded):
        return STALE
    if a.weights is None or a.weights != b.weights:
        return ", though both ran with their own parameters"
    return SAME_HEAD if a.kept == b.kept == "head" else SAME_NETWORK


def _notes(a: Run, b: Run, found: Match) -> list[str]:
    """What was left out, and what could not be read."""
    notes = []
    if not found.same:
        notes.append(
            f"only the {len(found.both)} images that both have with the same label are compared, for the test sets "
            f"differ: {'; '.join(differences(a, b, found))}. The metrics of test below are of all images of each"
        )
    if a.kept and b.kept and a.kept != b.kept:
        notes.append(f"A hands on {HANDED_ON[a.kept]}, B {HANDED_ON[b.kept]}")
    notes += [f"could not be read: {problem}" for run in (a, b) for problem in run.unreadable]
    if found.classes_a or found.classes_b:
        notes.append("the classes differ, so the log losses are not compared: fewer classes are easier to tell apart")
    return notes
