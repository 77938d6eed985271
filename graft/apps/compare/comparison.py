"""Two runs compared on the same test pictures: every figure that is shown, in whatever form."""

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from graft.apps.compare.changes import Changed, Figure, changed_params, side_by_side
from graft.apps.compare.match import Match, differences, match, refuse
from graft.apps.compare.paired import ONE_GROUP, Difference, mcnemar, mean_difference
from graft.apps.compare.revisions import WORKSPACE, opened
from graft.apps.compare.run import Predicted, Run, read_labels, read_run
from graft.apps.compare.slices import Slice, by_slice
from graft.data.dataset import LABEL_DELIMITER
from graft.stats.intervals import units

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
    return LABEL_DELIMITER.join(f"{chance:.6f}" for chance in chances)


BETTER, WORSE, OPEN = "better", "worse", "can't tell"


@dataclass(frozen=True, slots=True)
class Verdict:
    """`word` is one of better, worse, can't tell; `reason` says why."""

    word: str
    reason: str


def rule(hits: str) -> str:
    """Say the rule.

    Args:
        hits: what the share of pictures is called whose answer is wholly right.
    """
    return (
        f"B is better where the whole 95 % interval of the difference in {hits} lies above 0, "
        f"worse where it lies below 0; else one can't tell. No other figure decides."
    )


def judge(difference: Difference, doubt: str | None = None) -> Verdict:
    """Decide by the interval of the difference in accuracy, or exact match: better where all of it lies above 0.

    Where all of it lies below 0, worse; else nothing is decided. Log loss, McNemar's p and slices stand
    beside it and decide nothing: who may choose among four tests is misled four times as often.

    Args:
        doubt: why the interval cannot be trusted; nothing is decided then.
    """
    if doubt:
        return Verdict(OPEN, doubt)
    if difference.low > 0:
        return Verdict(BETTER, "the whole interval lies above 0")
    if difference.high < 0:
        return Verdict(WORSE, "the whole interval lies below 0")
    return Verdict(OPEN, "the interval holds 0, so chance alone may make this difference")


UNKNOWN_GROUPS = (
    "the split keeps groups together, but which picture is of which group is not known here, "
    "so no interval can be trusted"
)

IN_ONE_GROUP = "all pictures are of one group, which says nothing of others"


@dataclass(frozen=True, slots=True)
class Loss:
    """Mean log loss of A and B in nats an answer; less is better."""

    a: float
    b: float
    difference: Difference | None


@dataclass(frozen=True, slots=True)
class Comparison:
    """What is to be told of two runs.

    Attributes:
        a, b: titles.
        hits: what the share of wholly right answers is called: accuracy or exact match.
        groups: independent groups among the pictures; None where each picture stands for itself.
        overall: all pictures; the difference that decides.
        now_right, now_wrong, otherwise: pictures whose answer changed, by what became of it.
        p: McNemar's, which takes pictures as independent.
        loss: None where the classes differ.
        notes: what the reader must know to trust the figures.
    """

    a: str
    b: str
    verdict: Verdict
    rule: str
    hits: str
    groups: int | None
    overall: Slice
    now_right: int
    now_wrong: int
    otherwise: int
    p: float
    loss: Loss | None
    slices: list[Slice]
    params: list[Changed]
    measured: list[Figure]
    flips: pd.DataFrame
    notes: list[str]

    def facts(self) -> dict[str, Any]:
        """Everything, JSON-ready."""
        measured = [asdict(figure) | {"difference": figure.difference} for figure in self.measured]
        return asdict(self) | {"measured": measured, "flips": self.flips.to_dict(orient="records")}


def compare(a: Run, b: Run, labels: pd.DataFrame | None, common: bool = False, why_not: str = "") -> Comparison:
    """Compare two runs.

    Args:
        labels: columns of labels.csv for the pictures of `comparable`, in their order; None where they
            cannot be had, and `why_not` then says why.
        common: compare the pictures that both have with the same label, where the test sets differ.

    Raises:
        DataError: the test sets differ, and `common` does not allow it; or nothing is common.
    """
    found = match(a, b)
    changed = changed_params(a.params, b.params)
    if not found.both or not (common or found.same):
        raise refuse(a, b, found, changed)
    before, after = a.predicted.of(found.both), b.predicted.of(found.both)
    right_a, right_b = before.right.to_numpy(), after.right.to_numpy()
    of = units(labels["group"]) if labels is not None and "group" in labels.columns else None

    several = a.predicted.multi_label or b.predicted.multi_label
    hits = "exact match" if several else "accuracy"
    overall = Slice.measure("all pictures", right_a, right_b, of)
    doubt = UNKNOWN_GROUPS if labels is None and _grouped(a, b) else None
    doubt = IN_ONE_GROUP if overall.difference.method == ONE_GROUP else doubt
    turned = flips(before, after)
    counts = turned["flip"].value_counts()
    slices, left_out = by_slice(right_a, right_b, of, labels, None if several else before.rows["label"])
    return Comparison(
        a=a.title,
        b=b.title,
        verdict=judge(overall.difference, doubt),
        rule=rule(hits),
        hits=hits,
        groups=None if of is None else int(of.max()) + 1,
        overall=overall,
        now_right=int(counts.get(NOW_RIGHT, 0)),
        now_wrong=int(counts.get(NOW_WRONG, 0)),
        otherwise=int(counts.get(OTHERWISE, 0)),
        p=mcnemar(int((right_b & ~right_a).sum()), int((right_a & ~right_b).sum())),
        loss=None if found.classes_a or found.classes_b else _loss(before.rows["loss"], after.rows["loss"], of),
        slices=slices,
        params=changed,
        measured=side_by_side(a.measured, b.measured),
        flips=turned,
        notes=[
            *dict.fromkeys(_notes(a, b, found)),
            *_likeness(before.rows, after.rows, changed if found.same else []),
            *_independence(labels, why_not),
            *left_out,
        ],
    )


def comparable(a: Run, b: Run) -> list[str]:
    """Pictures that both runs were asked about, with the same label, in order of path."""
    return match(a, b).both


def _loss(a: pd.Series, b: pd.Series, of: NDArray[np.int64] | None) -> Loss:
    before, after = a.to_numpy(dtype=np.float64), b.to_numpy(dtype=np.float64)
    return Loss(float(before.mean()), float(after.mean()), mean_difference(before, after, of))


def _grouped(*runs: Run) -> bool:
    """Whether a split keeps groups together, which one does where pictures of a group resemble each other."""
    splits = (run.params.get("split") for run in runs)
    return any(isinstance(split, dict) and split.get("by") == "group" for split in splits)


def _notes(a: Run, b: Run, found: Match) -> list[str]:
    """What was left out, and what could not be read."""
    notes = [f"could not be read: {gap}" for run in (a, b) for gap in run.gaps]
    if not found.same:
        told = "; ".join(differences(a, b, found))
        notes.insert(
            0,
            f"only the {len(found.both)} pictures that both have with the same label are compared, for the test sets "
            f"differ: {told}. The metrics of test below are of all pictures of each",
        )
    if found.classes_a or found.classes_b:
        notes.append("the classes differ, so the log losses are not compared: fewer classes are easier to tell apart")
    return notes


def _likeness(a: pd.DataFrame, b: pd.DataFrame, changed: list[Changed]) -> list[str]:
    """Say that nothing differs, which is more than that no difference was found."""
    if not a.equals(b):
        return []
    stale = ", though parameters differ: did `dvc repro` run since they changed?" if changed else ""
    return [f"A and B say the same of every picture, to the last digit{stale}"]


def _independence(labels: pd.DataFrame | None, why_not: str) -> list[str]:
    """Say what the intervals take for granted."""
    return (
        [f"groups and slices are not known, so pictures are taken as independent: {why_not}"] if labels is None else []
    )


def between(name_a: str, name_b: str, root: Path, common: bool = False) -> Comparison:
    """Compare two revisions of the project.

    Groups and slices are those of B's labels.csv, else of A's, else of the workspace's: what is of one
    group hardly changes, and a table that DVC keeps may not be at hand for every revision.

    Args:
        root: the folder that holds params.yaml.
        common: compare the pictures that both have with the same label, where the test sets differ.

    Raises:
        RevisionError: a name means nothing, or a revision has no predictions.
        DataError: the test sets differ, or a file is not what a stage writes.
    """
    with opened(name_a, root) as a, opened(name_b, root) as b, opened(WORKSPACE, root) as here:
        run_a, run_b = read_run(a), read_run(b)
        images = comparable(run_a, run_b)
        reasons = []
        for revision in (b, a, here):
            labels, reason = read_labels(revision, images)
            if labels is not None:
                break
            reasons.append(reason)
        return compare(run_a, run_b, labels, common, why_not=reasons[0] if reasons else "")
