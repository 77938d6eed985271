"""The committed dvc.lock, metrics and plots are those of the code and params in this tree."""

import subprocess
from pathlib import Path

import pytest
from dvc.repo import Repo

ROOT = Path(__file__).resolve().parents[2]


def test_lock_fits_the_tree() -> None:
    """Whoever edits code or params must run the pipeline; else the committed figures are of something else.

    Data and models are not in git: where they are absent (a fresh clone) nothing is said of them.
    """
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=True)
    tracked = listed.stdout.split("\0")
    with Repo(str(ROOT)) as repo:
        status = repo.status()
    stale = {stage: problems for stage, changes in status.items() if (problems := _problems(changes, tracked))}
    assert not stale, f"run `dvc repro` and commit: {stale}"


def _problems(changes: list[object], tracked: list[str]) -> list[object]:
    """What of a stage's changes git can vouch for."""
    found: list[object] = []
    for change in changes:
        if not isinstance(change, dict):
            found.append(change)  # such as "changed command"
            continue
        for kind, paths in change.items():
            for path, state in paths.items():
                in_git = any(name == path or name.startswith(f"{path}/") for name in tracked)
                if (state != "deleted" and (in_git or isinstance(state, dict))) or (state == "deleted" and in_git):
                    found.append((kind, path, state))
    return found


@pytest.mark.parametrize(
    ("changes", "problems"),
    [
        (["changed command"], 1),
        ([{"changed deps": {"graft/core/errors.py": "modified"}}], 1),
        ([{"changed deps": {"params.yaml": {"lr": "modified"}}}], 1),
        ([{"changed deps": {"data/raw": "deleted"}}], 0),
        ([{"changed outs": {"models/head": "not in cache"}}], 0),
        ([{"changed outs": {"reports/split": "modified"}}], 1),
        ([{"changed outs": {"reports/split": "deleted"}}], 1),
    ],
    ids=["command", "code", "params", "absent data", "absent model", "edited report", "lost report"],
)
def test_what_counts_as_stale(changes: list[object], problems: int) -> None:
    assert len(_problems(changes, ["graft/core/errors.py", "reports/split/metrics.json"])) == problems
