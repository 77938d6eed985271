"""What was measured after each epoch: curves that DVC plots, a table, and lines for the log."""

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

import pandas as pd
from dvclive import Live
from scmrepo.exceptions import SCMError

from graft.core import tables
from graft.core.errors import StageError


def write_curves(report: Path, points: Iterable[dict[str, float]], epochs: Sequence[dict[str, float]]) -> None:
    """Write a point of every curve by its step, counted from 1, below ``report/curves``, and a table ``epochs.csv``.

    No clock stands in either: their bytes are those of any run. Without epochs there is no table.

    DVCLive neither edits dvc.yaml nor makes experiments here: the pipeline does both.
    """
    try:
        live = Live(str(report / "curves"), dvcyaml=None, save_dvc_exp=False)
    except SCMError as error:
        raise StageError(f"DVCLive needs a git repository with at least one commit: {error}; commit once") from error
    with live:
        for number, metrics in enumerate(points, start=1):
            live.step = number
            for name, value in metrics.items():
                live.log_metric(name, value)
    if epochs:
        tables.write(report / "epochs.csv", pd.DataFrame(epochs).round(6))


def epoch_lines(row: dict[str, float], heading: bool) -> Iterator[str]:
    """One row of a table for people, and its heading before the first."""
    width = {name: max(len(name), 8) for name in row}
    if heading:
        yield "  ".join(f"{name.replace('_', ' '):>{width[name]}}" for name in row)
    yield "  ".join(
        f"{value:>{width[name]}{'d' if isinstance(value, int) else '.4f' if value < 10 else '.1f'}}"
        for name, value in row.items()
    )
