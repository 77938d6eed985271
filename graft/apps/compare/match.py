"""Were two networks asked the same? If not, what differs, and what can be compared all the same."""

from dataclasses import dataclass
from typing import Any

from graft.apps.compare.changes import Changed
from graft.apps.compare.run import Run
from graft.core.errors import DataError

NAMED = 3
"""Pictures that are named of each kind."""

EXPLAINS = ("split", "labels", "index", "source")
"""Sections of params.yaml that decide which pictures are tested, and what their labels are."""


@dataclass(frozen=True, slots=True)
class Match:
    """Two test sets side by side; pictures in order of path.

    Attributes:
        both: pictures that both were asked about, with the same label.
        only_a, only_b: pictures of one test set alone.
        relabelled: pictures in both, with another label each.
        classes_a, classes_b: classes that one network alone knows.
    """

    both: list[str]
    only_a: list[str]
    only_b: list[str]
    relabelled: list[str]
    classes_a: list[str]
    classes_b: list[str]

    @property
    def same(self) -> bool:
        """Whether the two were asked exactly the same."""
        return not any((self.only_a, self.only_b, self.relabelled, self.classes_a, self.classes_b))


def match(a: Run, b: Run) -> Match:
    """Lay the test sets side by side."""
    label_a, label_b = a.predicted.rows["label"], b.predicted.rows["label"]
    shared = label_a.index.intersection(label_b.index).sort_values()
    equal = label_a.loc[shared] == label_b.loc[shared]
    classes_a, classes_b = a.predicted.classes, b.predicted.classes
    return Match(
        both=shared[equal].tolist(),
        only_a=label_a.index.difference(label_b.index).sort_values().tolist(),
        only_b=label_b.index.difference(label_a.index).sort_values().tolist(),
        relabelled=shared[~equal].tolist(),
        classes_a=[name for name in classes_a if name not in classes_b],
        classes_b=[name for name in classes_b if name not in classes_a],
    )


def refuse(a: Run, b: Run, found: Match, changed: list[Changed]) -> DataError:
    """Say in what the test sets differ, and why as far as the parameters tell."""
    lines = [f"A, {a.title}, and B, {b.title}, were not asked the same:"]
    lines += [f"  {line}" for line in differences(a, b, found)]
    causes = [change for change in changed if change.key.split(".")[0] in EXPLAINS]
    if causes:
        lines.append("  parameters that may explain it:")
        lines += [f"    {change.key}: {change.a} in A, {change.b} in B" for change in causes]
    if found.both:
        lines.append(f"--common compares the {len(found.both)} pictures that both have with the same label")
    else:
        lines.append("no picture has the same label in both, so there is nothing to compare")
    return DataError("\n".join(lines))


def differences(a: Run, b: Run, found: Match) -> list[str]:
    """Say in what the test sets differ, a line a kind."""
    lines = []
    for name, only, there, other in (("A", found.only_a, "B", b), ("B", found.only_b, "A", a)):
        if only:
            lines.append(f"{_count(only)} only in {name}: {_few(only)}{_elsewhere(only, there, other)}")
    if found.relabelled:
        labels = a.predicted.rows["label"], b.predicted.rows["label"]
        told = [
            f"{path} ({_label(labels[0].loc[path])} in A, {_label(labels[1].loc[path])} in B)"
            for path in found.relabelled[:NAMED]
        ]
        rest = ", ..." if len(found.relabelled) > NAMED else ""
        lines.append(f"{_count(found.relabelled)} with another label: {', '.join(told)}{rest}")
    for name, only in (("A", found.classes_a), ("B", found.classes_b)):
        if only:
            lines.append(f"{len(only)} {'class' if len(only) == 1 else 'classes'} only in {name}: {_few(only)}")
    return lines


def _elsewhere(paths: list[str], name: str, other: Run) -> str:
    """Where the other run has these pictures: a test picture of one may be a training picture of the other."""
    if other.split is None:
        return ""
    places = other.split["split"].reindex(paths).fillna("in no split").value_counts()
    told = ", ".join(f"{number} {place}" for place, number in sorted(places.items(), key=lambda one: str(one[0])))
    return f"; in {name}, {told}"


def _count(paths: list[str]) -> str:
    return f"{len(paths)} {'picture' if len(paths) == 1 else 'pictures'}"


def _few(names: list[str]) -> str:
    return ", ".join(names[:NAMED]) + (", ..." if len(names) > NAMED else "")


def _label(text: Any) -> str:
    return str(text) or "no class"
