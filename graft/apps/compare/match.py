"""Do two runs have the same test images, labels and classes? If not, what differs, and what can still be compared."""

from dataclasses import dataclass

from graft.apps.compare.run import ParamChange, Run
from graft.core.errors import DataError

EXAMPLES = 3
"""Names that are listed of each kind."""


@dataclass(frozen=True, slots=True)
class Match:
    """Two test sets side by side; images in order of path.

    Attributes:
        both: images in both test sets, with the same label.
        only_a, only_b: images of one test set alone.
        relabelled: images in both, with another label each.
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
        """Whether images, labels and classes are all the same."""
        return not any((self.only_a, self.only_b, self.relabelled, self.classes_a, self.classes_b))


def match(a: Run, b: Run) -> Match:
    """Lay the test sets side by side."""
    label_a, label_b = a.predictions.rows["label"], b.predictions.rows["label"]
    shared = label_a.index.intersection(label_b.index).sort_values()
    equal = label_a.loc[shared] == label_b.loc[shared]
    classes_a, classes_b = a.predictions.classes, b.predictions.classes
    return Match(
        both=shared[equal].tolist(),
        only_a=label_a.index.difference(label_b.index).sort_values().tolist(),
        only_b=label_b.index.difference(label_a.index).sort_values().tolist(),
        relabelled=shared[~equal].tolist(),
        classes_a=[name for name in classes_a if name not in classes_b],
        classes_b=[name for name in classes_b if name not in classes_a],
    )


def mismatch_error(a: Run, b: Run, found: Match, changed: list[ParamChange]) -> DataError:
    """An error that says how the test sets differ, and why as far as the parameters tell."""
    lines = [f"the test sets of A, {a.title}, and B, {b.title}, differ:"]
    lines += [f"  {line}" for line in differences(a, b, found)]
    # the sections that decide which images are tested, and what their labels are
    causes = [change for change in changed if change.key.split(".")[0] in ("split", "labels", "index", "source")]
    if causes:
        lines.append("  parameters that may explain it:")
        lines += [f"    {change.key}: {change.a} in A, {change.b} in B" for change in causes]
    if found.both:
        lines.append(f"--common compares the {len(found.both)} images that both have with the same label")
    else:
        lines.append("no image has the same label in both, so there is nothing to compare")
    return DataError("\n".join(lines))


def differences(a: Run, b: Run, found: Match) -> list[str]:
    """How the test sets differ, one line a kind of difference."""
    lines = []
    for name, only, other_name, other in (("A", found.only_a, "B", b), ("B", found.only_b, "A", a)):
        if only:
            images = counted(len(only), "image", "images")
            lines.append(f"{images} only in {name}: {_examples(only)}{_splits_in(only, other_name, other)}")
    if found.relabelled:
        labels_a, labels_b = a.predictions.rows["label"], b.predictions.rows["label"]
        changes = [
            f"{path} ({labels_a.loc[path] or 'no class'} in A, {labels_b.loc[path] or 'no class'} in B)"
            for path in found.relabelled[: EXAMPLES + 1]
        ]
        lines.append(f"{counted(len(found.relabelled), 'image', 'images')} with another label: {_examples(changes)}")
    for name, only in (("A", found.classes_a), ("B", found.classes_b)):
        if only:
            lines.append(f"{counted(len(only), 'class', 'classes')} only in {name}: {_examples(only)}")
    return lines


def _splits_in(paths: list[str], name: str, other: Run) -> str:
    """Which splits these images are in, in the other run: a test image of one may be a training image of the other."""
    if other.split is None:
        return ""
    counts = other.split["split"].reindex(paths).fillna("in no split").value_counts()
    return f"; in {name}, {', '.join(f'{count} {split}' for split, count in sorted(counts.items(), key=str))}"


def counted(number: int, one: str, many: str) -> str:
    """A number with its noun."""
    return f"{number} {one if number == 1 else many}"


def _examples(names: list[str]) -> str:
    return ", ".join(names[:EXAMPLES]) + (", ..." if len(names) > EXAMPLES else "")
