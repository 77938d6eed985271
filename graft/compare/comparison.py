"""Two runs compared on the same test pictures: every figure that is shown, in whatever form."""

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from graft.compare.changes import Changed, Figure, changed_params, side_by_side
from graft.compare.flips import NOW_RIGHT, NOW_WRONG, OTHERWISE, flips
from graft.compare.match import Match, differences, match, refuse
from graft.compare.paired import ONE_GROUP, Difference, mcnemar, mean_difference
from graft.compare.run import Run
from graft.compare.slices import Slice, by_slice
from graft.compare.verdict import Verdict, judge, rule
from graft.intervals import units

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
