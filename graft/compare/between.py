"""From two names to a comparison: what each revision has is read, then compared."""

from pathlib import Path

from graft.compare.comparison import Comparison, comparable, compare
from graft.compare.revisions import WORKSPACE, opened
from graft.compare.run import read_labels, read_run


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
        pictures = comparable(run_a, run_b)
        reasons = []
        for revision in (b, a, here):
            labels, reason = read_labels(revision, pictures)
            if labels is not None:
                break
            reasons.append(reason)
        return compare(run_a, run_b, labels, common, why_not=reasons[0] if reasons else "")
