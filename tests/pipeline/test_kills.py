"""kill -9, again and again, at random moments: the next run leaves the record as if nothing had happened.

DVC dies with its stage here. Only while it writes dvc.lock, after the stage has ended, is it spared:
it does so in place, and a half of that file is what it leaves when it is killed then.
"""

import contextlib
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import psutil
import pytest

from tests.pipeline.conftest import dvc, environment, git

pytestmark = pytest.mark.slow

STAGES = ["download@dataset", "presize", "embed", "train-head", "finetune"]
KILLS = 6
"""Of each stage: thirty in all."""


def command(stage: str) -> list[str]:
    return [sys.executable, "-m", "dvc", "repro", "--force", "--no-run-cache", "--single-item", stage]


def at_work(dvc: int) -> bool:
    """Whether the stage that DVC has started still runs."""
    with contextlib.suppress(psutil.NoSuchProcess):
        for child in psutil.Process(dvc).children(recursive=True):
            if any(word.startswith("stages.") for word in child.cmdline()):
                return True
    return False


@pytest.fixture(scope="module")
def finished(project: Path) -> Path:
    """A project that ran through."""
    dvc(project, "repro")
    git(project, "add", "-A")
    git(project, "commit", "-qm", "Run")
    return project


def seconds_at_work(running: "subprocess.Popen[bytes]") -> float:
    """How long the stage of a DVC that was just started runs."""
    wait_for(running)
    began = time.monotonic()
    while at_work(running.pid):
        time.sleep(0.02)
    return time.monotonic() - began


def wait_for(running: "subprocess.Popen[bytes]") -> None:
    """Wait until DVC has started its stage."""
    deadline = time.monotonic() + 60
    while not at_work(running.pid):
        assert running.poll() is None
        assert time.monotonic() < deadline
        time.sleep(0.02)


@pytest.mark.parametrize("stage", STAGES)
def test_killed_at_random_moments(finished: Path, stage: str) -> None:
    wanted = (finished / "dvc.lock").read_bytes()

    def start() -> "subprocess.Popen[bytes]":
        quiet = subprocess.DEVNULL
        return subprocess.Popen(
            command(stage), cwd=finished, env=environment(), stdout=quiet, stderr=quiet, start_new_session=True
        )

    undisturbed = start()
    length = seconds_at_work(undisturbed)
    assert undisturbed.wait() == 0
    assert (finished / "dvc.lock").read_bytes() == wanted

    killed = 0
    for share in np.random.default_rng(STAGES.index(stage)).uniform(0, 0.95, KILLS):
        running = start()
        wait_for(running)
        time.sleep(share * length)
        if at_work(running.pid):
            killed += 1
            os.killpg(running.pid, signal.SIGKILL)
        running.wait()
    assert killed >= KILLS // 2, f"of {KILLS} runs, {killed} were still at work when their time had come"

    dvc(finished, "repro", "--no-run-cache")
    assert (finished / "dvc.lock").read_bytes() == wanted
    assert git(finished, "status", "--porcelain") == ""
