"""DVC's queue of experiments, by DVC's own commands: what is in it, what is added, when something ends."""

import json
import os
import re
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil
from tenacity import retry, retry_if_exception_type, stop_after_attempt, wait_fixed

from graft.apps.sweep.suggest import State
from graft.core.errors import GraftError

TARGET = "evaluate"
"""The stage that a trial runs up to: the report and the bundle are made of the best alone."""
EXPERIMENTS = "refs/exps"
"""Where DVC keeps experiments in git; it changes whenever one is queued or ends."""
LOOK_AGAIN = 30.0
"""Seconds after which the queue is looked at though nothing in git has changed."""
PATIENCE = 60.0
"""Seconds that a trial may have no process and yet not be collected by its worker, before it counts as lost."""


class QueueError(GraftError):
    """DVC refuses a command."""


@dataclass(frozen=True, slots=True)
class Experiment:
    """An experiment of the sweep, as DVC tells of it.

    Attributes:
        number: of the trial.
        rev: its commit; of the queue, while it has not ended.
        params: params.yaml.
        pid: of the process that runs it, if there is one.
        log: what the stages printed.
    """

    name: str
    number: int
    rev: str
    state: State
    params: dict[str, Any]
    pid: int | None
    log: Path | None


class Queue:
    """The experiments of one sweep, which begin all at the present commit.

    Args:
        name: of the sweep; its experiments are called ``NAME-001`` and so on.
        jobs: workers.
    """

    def __init__(self, name: str, jobs: int) -> None:
        self.name, self.jobs = name, jobs
        self._gone_since: dict[str, float] = {}
        self._looked, self._seen = 0.0, ""

    def check(self) -> None:
        """Refuse what a trial, which starts from the commit, would not see.

        Raises:
            QueueError: this is no git repository, or tracked files have changes.
        """
        changed = git("status", "--porcelain", "--untracked-files=no")
        if changed:
            raise QueueError(f"trials begin at the last commit; commit or stash first:\n{changed}")

    def experiments(self) -> list[Experiment]:
        """Everything of the sweep that DVC knows, by number; what was lost with its worker is taken out."""
        self._seen, self._looked = git("for-each-ref", EXPERIMENTS), time.monotonic()
        shown = json.loads(dvc("exp", "show", "--json", "--hide-workspace"))
        found = [one for commit in shown for each in commit["experiments"] or () if (one := self._read(each))]
        return sorted((one for one in found if not self._is_lost(one)), key=lambda one: one.number)

    def _read(self, shown: dict[str, Any]) -> Experiment | None:
        match = re.fullmatch(re.escape(self.name) + r"-(\d+)", shown["name"] or "")
        if match is None:
            return None
        tip, executor = shown["revs"][0], shown["executor"] or {"state": "success"}
        if not tip["data"]:
            raise QueueError(f"DVC cannot read the experiment {shown['name']}: {tip['error']}")
        local, files = executor.get("local") or {}, tip["data"]["params"]
        log = local.get("log")
        values, state = files["params.yaml"]["data"], executor["state"]
        return Experiment(
            match[0], int(match[1]), tip["rev"], state, values, local.get("pid"), Path(log) if log else None
        )

    def _is_lost(self, one: Experiment) -> bool:
        """Whether a trial has lost its worker, as when the machine went down; it then leaves the queue."""
        if one.state != "running" or one.pid is None or _runs(one.pid):
            self._gone_since.pop(one.rev, None)
            return False
        if time.monotonic() - self._gone_since.setdefault(one.rev, time.monotonic()) < PATIENCE:
            return False
        dvc("queue", "kill", "--force", one.name)
        dvc("queue", "remove", one.name)
        return True

    def put(self, number: int, values: dict[str, Any]) -> str:
        """Queue a trial of these values, by dotted keys; return its name."""
        name = f"{self.name}-{number:03}"
        given = values | {"evaluate.interpret": ["test", "valid"]}
        settings = [word for key, value in given.items() for word in ("-S", f"++{key}={override(value)}")]
        dvc("exp", "run", "--queue", "--name", name, *settings, TARGET)
        return name

    def start(self) -> None:
        """Have as many workers as are wanted; those that are there already go on."""
        dvc("queue", "start", "--jobs", str(self.jobs), jobs=self.jobs)

    def wait(self) -> bool:
        """Wait until an experiment is queued or ends, or some time has passed; return whether one did."""
        while time.monotonic() - self._looked < LOOK_AGAIN:
            time.sleep(0.5)
            if git("for-each-ref", EXPERIMENTS) != self._seen:
                return True
        return False


def override(value: Any) -> str:
    """A value as the option -S of DVC takes it, in the grammar of Hydra."""
    if isinstance(value, str):
        text = re.sub(r"(\\*)'", r"\1\1\\'", value)  # backslashes count only before a quote
        tail = re.search(r"\\*$", text)
        return f"'{text}{tail[0] if tail else ''}'"
    if isinstance(value, list):
        return f"[{','.join(map(override, value))}]"
    if isinstance(value, dict):
        return f"{{{','.join(f'{key}:{override(inner)}' for key, inner in value.items())}}}"
    return json.dumps(value)


@retry(retry=retry_if_exception_type(QueueError), stop=stop_after_attempt(4), wait=wait_fixed(2), reraise=True)
def dvc(*words: str, jobs: int = 1) -> str:
    """Run DVC, again if another DVC is at work on the same file; return what it printed.

    Args:
        jobs: workers that it may start, which share the processor's cores.
    """
    home = Path(sys.executable).parent  # the queue starts `dvc`, and a stage `python`, from PATH
    threads = str(max(1, (os.cpu_count() or 1) // jobs))
    surroundings = {"OMP_NUM_THREADS": threads} | os.environ | {"PATH": f"{home}{os.pathsep}{os.environ['PATH']}"}
    return _run([sys.executable, "-m", "dvc", *words], surroundings)


def git(*words: str) -> str:
    """Run git; return what it printed."""
    return _run(["git", *words], None)


def _run(command: list[str], surroundings: dict[str, str] | None) -> str:
    done = subprocess.run(command, env=surroundings, capture_output=True, text=True, check=False)  # noqa: S603 - no shell
    if done.returncode:
        said = (done.stderr or done.stdout).strip()
        name = "dvc" if "dvc" in command else "git"
        raise QueueError(f"`{name} {' '.join(command[command.index(name) + 1 :])}`: {said}")
    return done.stdout.rstrip("\n")


def _runs(pid: int) -> bool:
    """Whether the process is there and runs an experiment; a number may have passed on to another process."""
    try:
        process = psutil.Process(pid)
        return process.status() != psutil.STATUS_ZOMBIE and "exec-run" in process.cmdline()
    except psutil.Error:
        return False
