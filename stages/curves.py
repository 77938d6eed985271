"""Curves per epoch, as files that DVC plots."""

from collections.abc import Iterable
from pathlib import Path

from dvclive import Live
from scmrepo.exceptions import SCMError

from graft.core.errors import StageError


def write_curves(report: Path, epochs: Iterable[dict[str, float]]) -> None:
    """Write the metrics of each epoch, counted from 1, below ``report/curves``.

    DVCLive neither edits dvc.yaml nor makes experiments here: the pipeline does both.
    """
    try:
        live = Live(str(report / "curves"), dvcyaml=None, save_dvc_exp=False)
    except SCMError as error:
        raise StageError(f"DVCLive needs a git repository with at least one commit: {error}; commit once") from error
    with live:
        for number, metrics in enumerate(epochs, start=1):
            live.step = number
            for name, value in metrics.items():
                live.log_metric(name, value)
