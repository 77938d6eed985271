"""What was measured after each epoch: curves that DVC plots or a person watches, a table, and lines for the log."""

import os
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pandas as pd
from dvclive import Live
from scmrepo.exceptions import SCMError

from graft.core import tables
from graft.core.errors import StageError, install, nearest

TRACK = "GRAFT_TRACK"
FOLDER = ".graft/tensorboard"
NEEDED = {"tensorboard": "tensorboard", "mlflow": "mlflow"}
"""Kinds of trackers, and the package that each needs."""

Track = Callable[[Mapping[str, float], int], None]
"""Takes values by name, and the number of steps behind them."""


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


def tracker(stage: str) -> Track | None:
    """Return what shows the curves of a stage while it runs, where GRAFT_TRACK asks for it.

    They hold clocks and are no output: nothing that is recorded depends on them.

    Raises:
        StageError: no such tracker, or it is not installed.
    """
    kind = os.environ.get(TRACK)
    if not kind or os.environ.get("RANK", "0") != "0":  # of several processes the first tells
        return None
    if kind not in NEEDED:
        raise StageError(f"{TRACK}={kind}: no such tracker{nearest(kind, NEEDED)}; there are {', '.join(NEEDED)}")
    if find_spec(NEEDED[kind]) is None:
        raise StageError(f"{TRACK}={kind}: {NEEDED[kind]} is not installed: {install(kind)}")
    return _tensorboard(stage) if kind == "tensorboard" else _mlflow(stage)


def _tensorboard(stage: str) -> Track:
    from torch.utils.tensorboard import SummaryWriter

    writer: Any = SummaryWriter(f"{FOLDER}/{stage}-{time.strftime('%Y%m%d-%H%M%S')}", flush_secs=5)

    def track(values: Mapping[str, float], step: int) -> None:
        for name, value in values.items():
            writer.add_scalar(name, value, step)
        writer.flush()

    return track


def _mlflow(stage: str) -> Track:
    os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")  # read as it is imported
    import mlflow

    mlflow.start_run(run_name=stage)  # which ends with the process

    def track(values: Mapping[str, float], step: int) -> None:
        mlflow.log_metrics(dict(values), step=step)

    return track
