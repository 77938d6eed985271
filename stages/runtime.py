"""What every stage shares: its params, its lock, its place for unfinished work, a true record.

DVC hashes a stage's params and code after its command has ended. Were one of them edited while the
command ran, dvc.lock would record a run that never happened; so a stage compares them itself and
fails. DVC that is killed leaves its command running; so a stage watches the DVC that started it
and ends with it. And two runs of a stage in one folder refuse each other.
"""

import gc
import hashlib
import json
import os
import shutil
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext, suppress
from pathlib import Path
from typing import Any

import psutil
from filelock import FileLock, Timeout

from graft.core import installed, params
from graft.core.errors import GraftError, ParamsError, StageError
from graft.core.files import sha256
from stages import INSTALLED, STARTED

PARAMS, DVC = Path("params.yaml"), Path("dvc.yaml")
CHECK = "`graft check` checks all keys at once; `graft check --fix` renames those of earlier versions"
STATE = Path(".graft")
"""Ignored by git and DVC: locks, unfinished work, wall-clock logs."""

PATIENCE = 5.0
"""Seconds to wait for another run's lock: enough for the orphan of a killed DVC to notice and end."""

LARGE = 64 * 2**20
"""Files above this many bytes are told apart by size and time of change, others by content."""


class _Done(Exception):  # noqa: N818  # no error
    """A process that does not write has nothing left to do."""


class Run:
    """One run of one stage.

    Args:
        name: the stage's name in dvc.yaml.
        rank: which of the stage's processes this is, from 0; only the first writes, logs and vouches.
    """

    def __init__(self, name: str, rank: int = 0) -> None:
        self.name, self.rank = name, rank
        self._values = params.load(PARAMS, _declared())
        self._read: dict[str, Any] = {}
        self._written: dict[Path, str | None] = {}
        self._code = _loaded_code({})

    def params(self, key: str, kind: Any) -> Any:
        """Return one top-level value of params.yaml, checked against its model or type."""
        checked = params.check(key, kind, self._values[key])
        self._read[key] = self._values[key]
        return checked

    def values(self, *keys: str) -> dict[str, Any]:
        """Return top-level values of params.yaml as they stand there: for showing, not for use."""
        told = {key: self._values[key] for key in keys}
        self._read |= told
        return told

    def written(self, path: Path) -> Path:
        """Return an input that a person writes, such as corrections.csv, and note what it holds: read it after this."""
        self._written[path] = _content(path)
        return path

    def unfinished(self, *inputs: Path) -> Path:
        """Return the folder for unfinished work on exactly these inputs, code and params.

        What an earlier run with the same inputs left there can be gone on with. Call it after
        the params are read. Folders of other inputs are removed: their work is out of date.
        """
        facts = [self._read, self._code, INSTALLED, {str(path): _fingerprint(path) for path in inputs}]
        key = hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()[:16]
        folder = STATE / "unfinished" / self.name / key
        if self.rank:
            return folder
        for other in folder.parent.glob("*"):
            if other != folder:
                shutil.rmtree(other)
        folder.mkdir(parents=True, exist_ok=True)
        return folder

    def shared_out(self) -> None:
        """Let the first of several processes go on alone, to write: `main` of the others ends here."""
        if self.rank:
            raise _Done

    def log(self, *messages: str) -> None:
        """Print lines and keep them, with the time, in the ignored log of the stage."""
        if self.rank:
            return
        log = STATE / "log" / f"{self.name}.log"
        log.parent.mkdir(parents=True, exist_ok=True)
        with log.open("a", encoding="utf-8") as file:
            for message in messages:
                print(f"{self.name}: {message}", flush=True)
                file.write(f"{time.strftime('%Y-%m-%dT%H:%M:%S')} {message}\n")

    def finish(self) -> None:
        """Vouch for the record, and drop the unfinished work.

        Raises:
            StageError: params, code or an input that a person writes are no longer those the run began with.
        """
        now = params.load(PARAMS)
        for key, value in self._read.items():
            if now[key] != value:
                raise StageError(f"{PARAMS}: {key} was {value!r} when the stage began and is {now[key]!r} now")
        for path, content in self._written.items():
            if _content(path) != content:
                raise StageError(f"{path} changed while the stage ran, which read it as it was before: run it again")
        _loaded_code(self._code)
        if installed.check(self.name) != INSTALLED:
            raise StageError("graft was installed anew while the stage ran: run it again")
        shutil.rmtree(STATE / "unfinished" / self.name, ignore_errors=True)


Processes = Callable[[], AbstractContextManager[int | None]]
"""Yields which of a stage's processes this is, or None where it has started others and has nothing left to do."""


def start(name: str, main: Callable[[Run], None], processes: Processes = lambda: nullcontext(0)) -> None:
    """Run a stage's `main` under its lock, and end the process non-zero when it cannot vouch for it.

    Args:
        processes: of a stage that may be shared out among several, each of which runs `main`.
    """
    gc.freeze()  # what was imported stays to the end: neither now nor at exit is any of it garbage
    gc.enable()
    _end_with_parents()
    with _ended_with_a_message(name), processes() as rank:
        if rank is not None:
            with _ended_with_a_message(name):  # which `processes` passes on
                _run(name, main, rank)


def _run(name: str, main: Callable[[Run], None], rank: int) -> None:
    began = time.perf_counter()
    if rank:
        with suppress(_Done):
            main(Run(name, rank))
        return
    lock = STATE / "lock" / name
    lock.parent.mkdir(parents=True, exist_ok=True)
    with _exclusive(lock, name):
        run = Run(name)
        main(run)
        run.finish()
        run.log(f"done in {time.perf_counter() - began:.1f} s")


@contextmanager
def _ended_with_a_message(name: str) -> Iterator[None]:
    """End the process with one message instead of a traceback where the user has to act."""
    try:
        yield
    except GraftError as error:
        advice = f"\n{CHECK}" if isinstance(error, ParamsError) else ""
        sys.exit(f"{name}: {type(error).__name__}: {error}{advice}")
    except FileNotFoundError as error:
        sys.exit(f"{name}: {error.filename} is absent; `dvc repro {name}` makes what the stage reads, and runs it")
    except OSError as error:
        sys.exit(f"{name}: {error.filename or type(error).__name__}: {error.strerror or error}")


def _declared() -> list[str]:
    """Top-level keys of params.yaml that stages of dvc.yaml name: any other is a spelling mistake."""
    stages = params.parse_yaml(DVC.read_text(encoding="utf-8"))["stages"].values()
    items = [item for stage in stages for item in stage.get("foreach", {}).values()]
    listed = [stage["params"] for stage in stages if "params" in stage] + [[item["params"]] for item in items]
    return list(dict.fromkeys(key for keys in listed for key in keys if isinstance(key, str)))  # not of other files


def _exclusive(lock: Path, name: str) -> FileLock:
    held = FileLock(lock, timeout=PATIENCE)
    try:
        held.acquire()
    except Timeout as error:
        raise StageError(f"another run of {name} is at work in this folder ({lock} is held)") from error
    return held


def _end_with_parents() -> None:
    """Watch the DVC and the launcher of torch that started this process, if they did, and end when one is gone."""
    parents, watched = psutil.Process().parents(), list[psutil.Process]()
    if "DVC_STAGE" in os.environ:
        watched.append(next((parent for parent in parents if _is_dvc(parent)), parents[0]))
    launched = "TORCHELASTIC_RUN_ID" in os.environ
    if not (watched or launched):
        return
    # said by graft.network.launch: it may be gone by now
    launcher = int(os.environ.get("GRAFT_LAUNCHER", os.getppid()))

    def watch() -> None:
        while all(map(_lives, watched)) and (not launched or os.getppid() == launcher):
            time.sleep(0.5)
        os.kill(os.getpid(), signal.SIGTERM)

    threading.Thread(target=watch, daemon=True).start()


def _lives(process: psutil.Process) -> bool:
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.Error:  # it ended between the two questions
        return False


def _is_dvc(process: psutil.Process) -> bool:
    try:
        return any(Path(word).stem == "dvc" for word in process.cmdline()[:3])
    except psutil.Error:
        return False


def _loaded_code(before: dict[str, str]) -> dict[str, str]:
    """Digest of each of the project's own files that this process has imported.

    Args:
        before: what was found earlier; a file that was not is judged by its time of change, which may
            lie in the future: a clock was set back since.

    Raises:
        StageError: one was edited after the process began, so that it may not be what was loaded.
    """
    here, now = Path.cwd(), time.time()
    code: dict[str, str] = {}
    for module in list(sys.modules.values()):
        file = getattr(module, "__file__", None)
        if file and (path := Path(file)).is_relative_to(here) and "site-packages" not in path.parts:
            name = path.relative_to(here).as_posix()
            content = _content(path)
            known = content == before[name] if name in before else not STARTED < _changed(path) <= now
            if content is None or not known:
                raise StageError(f"{name} changed while the stage ran; the result may be of the old code: run it again")
            code[name] = content
    return code


def _changed(path: Path) -> float:
    return path.stat().st_mtime if path.exists() else 0.0


def _content(path: Path) -> str | None:
    """Digest of a file, None where there is none."""
    return sha256(path) if path.is_file() else None


def _fingerprint(path: Path) -> Any:
    """What tells one state of a file or folder from another."""
    if path.is_dir():
        return {str(inner): _fingerprint(inner) for inner in sorted(path.rglob("*")) if inner.is_file()}
    stat = path.stat()
    return [stat.st_size, stat.st_mtime_ns] if stat.st_size > LARGE else sha256(path)
