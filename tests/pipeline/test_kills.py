"""kill -9, again and again, at random moments: the next run leaves the record as if nothing had happened."""

import contextlib
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from tests.pipeline.conftest import dvc, environment, git

pytestmark = pytest.mark.slow

STAGES = ["download@dataset", "presize", "embed", "train-head", "finetune"]
KILLS = 6
"""Of each stage: thirty in all."""


def command(stage: str) -> list[str]:
    return [sys.executable, "-m", "dvc", "repro", "--force", "--no-run-cache", "--single-item", stage]


@pytest.fixture(scope="module")
def finished(project: Path) -> Path:
    """A project that ran through."""
    dvc(project, "repro")
    git(project, "add", "-A")
    git(project, "commit", "-qm", "Run")
    return project


@pytest.mark.parametrize("stage", STAGES)
def test_killed_at_random_moments(finished: Path, stage: str) -> None:
    wanted = (finished / "dvc.lock").read_bytes()
    options = {"cwd": finished, "env": environment(), "stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    began = time.monotonic()
    subprocess.run(command(stage), check=True, **options)  # type: ignore[call-overload]
    whole = time.monotonic() - began
    assert (finished / "dvc.lock").read_bytes() == wanted

    # DVC itself needs the first part of the time to start; moments are spread over what follows
    moments = np.random.default_rng().uniform(0.3, 0.98, KILLS) * whole
    killed = 0
    for moment in moments:
        running = subprocess.Popen(command(stage), start_new_session=True, **options)  # type: ignore[call-overload]
        time.sleep(moment)
        killed += running.poll() is None
        with contextlib.suppress(ProcessLookupError):  # it may be through already
            os.killpg(running.pid, signal.SIGKILL)
        running.wait()
    assert killed >= KILLS // 2, f"after {moments.round(1)} of {whole:.1f} s too few were still at work"

    dvc(finished, "repro", "--no-run-cache")
    assert (finished / "dvc.lock").read_bytes() == wanted
    assert git(finished, "status", "--porcelain") == ""
