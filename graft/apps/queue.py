"""DVC's queue of experiments, by DVC's own commands: what is in it, what is added, when something ends.

The queue belongs to the user too: what else waits in it is run as well.
"""

import json
import os
import re
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import psutil
from tenacity import retry, retry_if_exception_type, stop_after_attempt, wait_fixed

from graft.core.errors import GraftError

State = Literal["queued", "running", "failed", "success"]
"""What DVC says of an experiment."""
PENDING = ("Queued", "Running")
"""What `dvc queue status` says of an experiment that is still to come to its end."""
EXPERIMENTS = "refs/exps"
"""Where DVC keeps experiments in git; it changes whenever one is queued or ends."""
LOOK_AGAIN = 30.0
"""Seconds after which the queue is looked at though nothing in git has changed."""
LOOK_SOON = 2.0
"""The same, while the process of an experiment has ended and its worker is about to collect it."""
PATIENCE = 60.0
"""Seconds that an experiment may have no process and yet not be collected by its worker, before it counts as lost."""


class QueueError(GraftError):
    """DVC refuses a command, or an experiment did not come to its end."""


@dataclass(frozen=True, slots=True)
class Experiment:
    """An experiment, as DVC tells of it.

    Attributes:
        number: in its series.
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
    """The experiments of one series.

    Args:
        name: of the series; its experiments are called ``NAME-001`` and so on.
        jobs: workers.
        form: of what stands behind the name, with a place for the number.
    """

    def __init__(self, name: str, jobs: int, form: str = "{:03}") -> None:
        self.name, self.jobs, self.form = name, jobs, form
        self._gone_since: dict[str, float] = {}
        self._looked, self._seen = 0.0, ""

    def title(self, number: int) -> str:
        """What an experiment is called."""
        return f"{self.name}-{self.form.format(number)}"

    def check(self) -> None:
        """Refuse what experiments that are to begin at the last commit would not see.

        Raises:
            QueueError: this is no git repository, or tracked files have changes.
        """
        if changed := git("status", "--porcelain", "--untracked-files=no"):
            raise QueueError(f"trials begin at the last commit; commit or stash first:\n{changed}")

    def experiments(self) -> list[Experiment]:
        """Those that begin at the present commit, by number; what was lost with its worker is taken out."""
        self._seen, self._looked = git("for-each-ref", EXPERIMENTS), time.monotonic()
        shown = json.loads(dvc("exp", "show", "--json", "--hide-workspace"))
        found = [one for commit in shown for each in commit["experiments"] or () if (one := self._read(each))]
        lost = self._lost(found)
        for one in lost:
            dvc("queue", "kill", "--force", one.name)
            dvc("queue", "remove", one.name)
        return sorted((one for one in found if one not in lost), key=lambda one: one.number)

    def _read(self, shown: dict[str, Any]) -> Experiment | None:
        before, after = re.split(r"\{.*\}", self.form)
        match = re.fullmatch(rf"{re.escape(f'{self.name}-{before}')}(\d+){re.escape(after)}", shown["name"] or "")
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

    def _lost(self, found: Sequence[Experiment]) -> list[Experiment]:
        """Those that have lost their worker, as when the machine went down."""
        gone = [one for one in found if one.state == "running" and one.pid is not None and not _runs(one.pid)]
        self._gone_since = {one.rev: self._gone_since.get(one.rev, self._looked) for one in gone}
        return [one for one in gone if self._looked - self._gone_since[one.rev] >= PATIENCE]

    def put(self, number: int, values: dict[str, Any], *targets: str) -> str:
        """Queue an experiment of these values, by dotted keys, up to the targets; return its name."""
        # with two plus signs a key is set whether params.yaml has it or not
        settings = [word for key, value in values.items() for word in ("-S", f"++{key}={override(value)}")]
        dvc("exp", "run", "--queue", "--name", self.title(number), *settings, *targets)
        return self.title(number)

    def run(self, wanted: Mapping[int, dict[str, Any]], *targets: str) -> Iterator[str]:
        """Run the experiments that are not done yet up to the targets, and wait until all are; yield what was begun.

        Args:
            wanted: the values of each, by dotted keys.

        Raises:
            QueueError: DVC refused one, or one failed.
        """
        names = {self.title(number): number for number in wanted}
        done = finished()
        left = [name for name in names if name not in done]
        yield f"{len(names) - len(left)} of {len(names)} experiments are done"
        if not left:
            return
        while self.experiments() and self._gone_since:  # until each is collected, or taken out
            time.sleep(PATIENCE / 10)
        waiting = pending()
        for name in left:
            if name not in waiting:
                self.put(names[name], wanted[names[name]], *targets)
        yield f"{len(left)} run in DVC's queue, {self.jobs} at once; `dvc queue logs NAME --follow` shows one of them"
        dvc("exp", "run", "--run-all", "--jobs", str(self.jobs), jobs=self.jobs)
        done = finished()
        if missing := [name for name in left if name not in done]:
            raise QueueError(
                f"{', '.join(missing)} did not come to an end: `dvc queue logs {missing[0]}` says why; what is done is "
                "kept, and the same command goes on from there"
            )

    def start(self) -> None:
        """Have as many workers as are wanted; those that are there already go on."""
        dvc("queue", "start", "--jobs", str(self.jobs), jobs=self.jobs)

    def wait(self) -> bool:
        """Wait until an experiment is queued or ends, or some time has passed; return whether one did."""
        pause = LOOK_SOON if self._gone_since else LOOK_AGAIN
        while time.monotonic() - self._looked < pause:
            time.sleep(0.5)
            if git("for-each-ref", EXPERIMENTS) != self._seen:
                return True
        return False


def finished() -> set[str]:
    """Names of the experiments that are done, whichever commit they began from."""
    return set(dvc("exp", "list", "--all-commits", "--name-only").split())


def pending() -> set[str]:
    """Names of the experiments that wait in the queue or run, whichever commit they began from."""
    rows = [line.split() for line in dvc("queue", "status").splitlines()]
    return {row[1] for row in rows if len(row) > 2 and row[-1] in PENDING}


def tracked_state() -> str:
    """Digest of all that git tracks as it lies here now, which an experiment begins from."""
    # asked first, for `git stash create` fails where files were touched but not changed
    changed = git("status", "--porcelain", "--untracked-files=no")
    return git("rev-parse", f"{git('stash', 'create') if changed else 'HEAD'}^{{tree}}")


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
