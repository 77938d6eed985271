"""A project in git and DVC, with one history for all tests of a module."""

import os
import subprocess
import warnings
from pathlib import Path

import pytest
from dvc.repo import Repo

from graft.apps.compare.revisions import LABELS, METRICS, PARAMS, PREDICTIONS
from tests.apps.compare.made_up_runs import answers, csv, labels, names

WRONG = {"plain": range(0, 60, 2), "cached": range(0, 60, 6), "tried": range(0, 60, 20)}
"""Pictures that each revision is wrong about."""


EMPTY = "['remote \"store\"']\n    url = {}\n"
"""A config.local under which the remote has nothing."""


def quiet() -> dict[str, str]:
    """Neither analytics nor this machine's own settings."""
    return {"DVC_NO_ANALYTICS": "1", "GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_SYSTEM": os.devnull}


def call(folder: Path, *words: str) -> str:
    """Run git as a user would."""
    identity = ["-c", "user.name=test", "-c", "user.email=test@example.org", "-c", "init.defaultBranch=main"]
    command = ["git", *identity, *words[1:]]
    done = subprocess.run(command, cwd=folder, env=os.environ | quiet(), capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout.strip()


def track(folder: Path, *paths: str, push: bool = False) -> None:
    """As `dvc add`, and `dvc push`, in this process."""
    with warnings.catch_warnings(), Repo(str(folder)) as repo:
        warnings.simplefilter("ignore", DeprecationWarning)  # of what DVC itself imports
        repo.add([str(folder / path) for path in paths])
        if push:
            repo.push()


def write(folder: Path, name: str, lr: float) -> None:
    """Predictions, metrics and parameters of one run."""
    told = labels(60)
    right = 1 - len(WRONG[name]) / 60
    (folder / PREDICTIONS).parent.mkdir(parents=True, exist_ok=True)
    (folder / PREDICTIONS).write_bytes(csv(told, answers(told, WRONG[name])))
    (folder / METRICS).write_text(f'{{"test": {{"accuracy": {right}}}}}\n')
    (folder / PARAMS).write_text(f"lr: {lr}\nsplit: {{by: group}}\n")


@pytest.fixture(scope="session")
def history(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Predictions in git at the tag `plain`; in DVC's cache and remote at `cached`; in the experiment `tried`.

    Labels are in DVC throughout. The experiment's reference is written as `dvc exp run` writes it.
    """
    with pytest.MonkeyPatch.context() as monkeypatch:
        for key, value in (quiet() | {"DVC_SITE_CACHE_DIR": str(tmp_path_factory.getbasetemp() / "dvc")}).items():
            monkeypatch.setenv(key, value)
        return make_history(tmp_path_factory.mktemp("history"))


def make_history(home: Path) -> Path:
    """Commit by commit, as `history` says."""
    folder, store = home / "project", home / "store"
    (folder / "data").mkdir(parents=True)
    call(folder, "git", "init", "-q")
    Repo.init(str(folder)).close()
    (folder / ".dvc/config").write_text(f"[core]\n    remote = store\n['remote \"store\"']\n    url = {store}\n")
    groups = "".join(f"{name},cat,g{index // 2}\n" for index, name in enumerate(names(60)))
    (folder / LABELS).write_text(f"path,label,group\n{groups}")
    write(folder, "plain", 0.001)
    track(folder, LABELS)
    call(folder, "git", "add", "-A")
    call(folder, "git", "commit", "-qm", "Keep predictions in git")
    call(folder, "git", "tag", "plain")

    write(folder, "cached", 0.003)
    call(folder, "git", "rm", "-q", "--cached", PREDICTIONS)
    track(folder, PREDICTIONS, push=True)
    call(folder, "git", "add", "-A")
    call(folder, "git", "commit", "-qm", "Keep predictions in DVC")
    call(folder, "git", "tag", "-a", "cached", "-m", "annotated")

    baseline = call(folder, "git", "rev-parse", "HEAD")
    call(folder, "git", "checkout", "-q", "--detach")
    write(folder, "tried", 0.01)
    call(folder, "git", "rm", "-q", "--cached", f"{PREDICTIONS}.dvc", str(Path(PREDICTIONS).parent / ".gitignore"))
    call(folder, "git", "add", "-f", PREDICTIONS, METRICS, PARAMS)
    call(folder, "git", "commit", "-qm", "dvc: commit experiment")
    call(folder, "git", "update-ref", f"refs/exps/{baseline[:2]}/{baseline[2:]}/tried", "HEAD")
    call(folder, "git", "checkout", "-qf", "main")
    call(folder, "git", "clean", "-qfd")
    write(folder, "cached", 0.003)
    return folder


@pytest.fixture(autouse=True)
def undisturbed(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    """DVC inside this process keeps to itself, too."""
    for key, value in (quiet() | {"DVC_SITE_CACHE_DIR": str(tmp_path_factory.getbasetemp() / "dvc")}).items():
        monkeypatch.setenv(key, value)
