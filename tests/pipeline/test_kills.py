"""kill -9 at random moments: the next run leaves the record as if nothing had happened.

DVC dies with its stage here. Only while it writes dvc.lock, after the stage has ended, is it spared:
it does so in place, and a half of that file is what it leaves when it is killed then.
"""

import contextlib
import os
import re
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
KILLS = 3
"""Of each stage: fifteen in all."""

FIRST_EPOCH = re.compile(r"T\S+ +1 ")
"""Its row in the table of the log, after the time."""


def start(project: Path, stage: str) -> "subprocess.Popen[bytes]":
    """Have DVC run one stage, in a process group of its own; return once the stage has begun its work."""
    lock = lock_of(project, stage)
    lock.unlink(missing_ok=True)
    command = [sys.executable, "-m", "dvc", "repro", "--force", "--no-run-cache", "--single-item", stage]
    quiet = subprocess.DEVNULL
    running = subprocess.Popen(
        command, cwd=project, env=environment(), stdout=quiet, stderr=quiet, start_new_session=True
    )
    deadline = time.monotonic() + 60
    while not lock.exists():
        assert running.poll() is None
        assert time.monotonic() < deadline
        time.sleep(0.005)
    return running


def lock_of(project: Path, stage: str) -> Path:
    """The file that a stage locks as soon as everything is imported."""
    return project / ".graft/lock" / stage


def at_work(dvc: int) -> bool:
    """Whether the stage that DVC has started still runs."""
    with contextlib.suppress(psutil.NoSuchProcess):
        for child in psutil.Process(dvc).children(recursive=True):
            if any(word.startswith("stages.") for word in child.cmdline()):
                return True
    return False


def seconds_of_work(project: Path, stage: str) -> float:
    """How long the stage worked when nothing disturbed it, as its log says."""
    log = (project / ".graft/log" / f"{stage}.log").read_text()
    return float(re.findall(r"done in ([0-9.]+) s", log)[-1])


@pytest.mark.parametrize("stage", STAGES)
def test_killed_at_random_moments(project: Path, stage: str) -> None:
    wanted = (project / "dvc.lock").read_bytes()
    length = seconds_of_work(project, stage)
    killed = 0
    for share in np.random.default_rng(STAGES.index(stage)).uniform(0, 0.95, KILLS):
        running = start(project, stage)
        time.sleep(share * length)
        if at_work(running.pid):
            killed += 1
            os.killpg(running.pid, signal.SIGKILL)
        running.wait()
    assert killed, f"none of {KILLS} runs was still at work when its time had come"

    dvc(project, "repro", "--no-run-cache")
    assert (project / "dvc.lock").read_bytes() == wanted
    assert git(project, "status", "--porcelain") == ""


def test_finetune_goes_on_from_its_last_epoch(project: Path) -> None:
    """Kill DVC and its stage in the middle of fine-tuning; the next run begins no epoch again."""
    wanted = (project / "dvc.lock").read_bytes()
    log = project / ".graft/log/finetune.log"
    log.unlink()
    running = start(project, "finetune")
    deadline = time.monotonic() + 90
    while not (log.is_file() and FIRST_EPOCH.search(log.read_text())):
        assert running.poll() is None
        assert time.monotonic() < deadline
        time.sleep(0.005)
    os.killpg(running.pid, signal.SIGKILL)
    running.wait()

    log.unlink()
    dvc(project, "repro", "--no-run-cache")
    assert not FIRST_EPOCH.search(log.read_text())
    assert (project / "dvc.lock").read_bytes() == wanted
    assert git(project, "status", "--porcelain") == ""
