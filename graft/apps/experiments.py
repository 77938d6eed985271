"""Experiments through DVC's queue: each a name and the params that it changes, run where none of that name is done."""

import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from graft.core.errors import GraftError

PENDING = ("Queued", "Running")
"""What `dvc queue status` says of a task that is still to come to its end."""


class ExperimentError(GraftError):
    """DVC could not queue or run an experiment."""


def run_experiments(experiments: Mapping[str, Sequence[str]], root: Path, jobs: int = 1) -> Iterator[str]:
    """Queue the experiments that are not done yet, and wait until all are; yield what was begun.

    The queue belongs to the user too: what else waits in it is run as well.

    Args:
        experiments: what `dvc exp run --set-param` takes, by name.
        root: the project's folder.
        jobs: how many run at once.

    Raises:
        ExperimentError: DVC refused one, or one failed.
    """
    done, waiting = finished(root), pending(root)
    wanted = [name for name in experiments if name not in done]
    yield f"{len(experiments) - len(wanted)} of {len(experiments)} experiments are done"
    for name in wanted:
        if name not in waiting:
            settings = [word for one in experiments[name] for word in ("--set-param", one)]
            _dvc(root, "exp", "run", "--queue", "--name", name, *settings)
    if wanted:
        yield f"{len(wanted)} run in DVC's queue, {jobs} at once; `dvc queue logs NAME --follow` shows one of them"
        _dvc(root, "exp", "run", "--run-all", "--jobs", str(jobs))
    if missing := [name for name in experiments if name not in finished(root)]:
        raise ExperimentError(
            f"{', '.join(missing)} did not come to an end: `dvc queue logs {missing[0]}` says why; what is done is "
            "kept, and the same command goes on from there"
        )


def finished(root: Path) -> set[str]:
    """Names of the experiments that are done, whichever commit they began from."""
    return set(_dvc(root, "exp", "list", "--all-commits", "--name-only").split())


def pending(root: Path) -> set[str]:
    """Names of the experiments that wait in the queue or run."""
    rows = [line.split() for line in _dvc(root, "queue", "status").splitlines()]
    return {row[1] for row in rows if len(row) > 2 and row[-1] in PENDING}


def state(root: Path) -> str:
    """Digest of all that git tracks as it lies here now, which an experiment begins from."""
    stash = _run(root, "git", "stash", "create").strip() or "HEAD"
    return _run(root, "git", "rev-parse", f"{stash}^{{tree}}").strip()


def _dvc(root: Path, *words: str) -> str:
    return _run(root, sys.executable, "-m", "dvc", *words)


def _run(root: Path, *command: str) -> str:
    done = subprocess.run(command, cwd=root, capture_output=True, text=True, check=False)  # noqa: S603 - our own words
    if done.returncode:
        told = (done.stderr.strip() or done.stdout.strip()).splitlines()
        raise ExperimentError(f"`{' '.join(command[2:])}` failed: {' '.join(told[-3:])}")
    return done.stdout
