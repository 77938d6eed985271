"""DVC's queue as two series of experiments see it; DVC itself runs in the tests of folds and of sweeps."""

import json
import os
import subprocess
import time
from pathlib import Path
from typing import Any

import pytest
from hydra.core.override_parser.overrides_parser import OverridesParser

from graft.apps import queue as module
from graft.apps.queue import Queue, QueueError, override, pending, tracked_state


@pytest.mark.parametrize(
    "value",
    [0.002, 1e-05, 3, True, None, "none", r"blocks\.[0-3]\.", "a 'b' c", r"\'", "ends\\", [], ["conv_stem", r"a\.b"],
     [[32, 0.5], [64, 0.5]], {"precision": 0.95}, "null", "1e-3", "", "ä, {b}"],
)  # fmt: skip
def test_values_arrive_as_they_are(value: Any) -> None:
    parsed = OverridesParser.create().parse_override(f"++some.key={override(value)}").value()
    assert json.dumps(parsed) == json.dumps(value)  # 1 and 1.0 differ


def shown(name: str, state: str, pid: int | None = None) -> dict[str, Any]:
    data = {"params": {"params.yaml": {"data": {"lr": 0.1}}}}
    return {
        "name": name,
        "executor": {"state": state, "local": {"pid": pid, "log": None}},
        "revs": [{"rev": f"rev-{name}", "data": data, "error": None}],
    }


class Shell:
    """Stands in for DVC and git, and notes what was asked.

    Attributes:
        experiments: what `dvc exp show` tells.
        done: what `dvc exp list` tells, one after the other.
        status: what `dvc queue status` tells.
    """

    def __init__(self) -> None:
        self.experiments, self.done, self.status, self.asked = list[Any](), list[str](), "", list[str]()

    def dvc(self, *words: str, jobs: int = 1) -> str:
        self.asked.append(" ".join(words))
        if words[:2] == ("exp", "list"):
            return self.done.pop(0)
        return self.status if words == ("queue", "status") else json.dumps([{"experiments": self.experiments}])

    def git(self, *words: str) -> str:
        return ""


@pytest.fixture
def shell(monkeypatch: pytest.MonkeyPatch) -> Shell:
    found = Shell()
    monkeypatch.setattr(module, "dvc", found.dvc)
    monkeypatch.setattr(module, "git", found.git)
    return found


def test_only_the_experiments_of_the_series_count_in_order(shell: Shell) -> None:
    shell.experiments = [shown("wide-010", "queued"), shown("wide-002", "success"), shown("wider-001", "success")]
    shell.experiments += [shown("wide-1x", "success"), shown("brave-moth", "success")]
    assert [(one.name, one.number, one.state) for one in Queue("wide", 1).experiments()] == [
        ("wide-002", 2, "success"),
        ("wide-010", 10, "queued"),
    ]


def test_a_number_may_stand_amid_a_name(shell: Shell) -> None:
    names = ["folds-ab-2-of-5", "folds-ab-1-of-5", "folds-ab-1-of-4", "folds-abc-1-of-5", "folds-ab-x-of-5"]
    shell.experiments = [shown(name, "success") for name in names]
    queue = Queue("folds-ab", 1, "{}-of-5")
    assert [one.name for one in queue.experiments()] == [queue.title(1), queue.title(2)]


def test_an_experiment_that_was_fetched_counts_as_a_success(shell: Shell) -> None:
    shell.experiments = [shown("wide-001", "") | {"executor": None}]
    assert [one.state for one in Queue("wide", 1).experiments()] == ["success"]


def test_one_without_a_process_is_taken_out_after_some_time(shell: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
    ended = subprocess.Popen(["true"])
    ended.wait()
    shell.experiments = [shown("wide-001", "running", ended.pid), shown("wide-002", "running")]
    queue = Queue("wide", 1)
    assert [one.number for one in queue.experiments()] == [1, 2]  # its worker may be about to collect it
    monkeypatch.setattr(module, "PATIENCE", 0.0)
    assert [one.number for one in queue.experiments()] == [2]
    assert shell.asked[-2:] == ["queue kill --force wide-001", "queue remove wide-001"]


def test_one_that_is_about_to_be_collected_is_soon_looked_at_again(
    shell: Shell, monkeypatch: pytest.MonkeyPatch
) -> None:
    slept = list[float]()
    monkeypatch.setattr(module, "LOOK_SOON", 0.0)
    monkeypatch.setattr(time, "sleep", slept.append)
    queue, ended = Queue("wide", 1), subprocess.Popen(["true"])
    ended.wait()
    shell.experiments = [shown("wide-001", "running", ended.pid)]
    queue.experiments()
    assert not queue.wait()
    assert not slept


def test_what_is_queued_has_its_values_and_ends_at_its_target(shell: Shell) -> None:
    assert Queue("wide", 1).put(7, {"lr": 0.01, "evaluate.interpret": ["test"]}, "evaluate") == "wide-007"
    assert shell.asked == ["exp run --queue --name wide-007 -S ++lr=0.01 -S ++evaluate.interpret=['test'] evaluate"]


STATUS = """
Task     Name      Created    Status
1a2b3c4  wide-002  08:01 PM   Running
2b3c4d5            08:02 PM   Queued
3c4d5e6  wide-003  08:03 PM   Failed
4d5e6f7  wide-001  08:00 PM   Success

Worker status: 1 active, 0 idle
"""


def test_what_waits_or_runs_is_pending(shell: Shell) -> None:
    shell.status = STATUS
    assert "wide-002" in pending()
    assert not {"wide-001", "wide-003"} & pending()


def test_only_what_is_neither_done_nor_pending_is_queued(shell: Shell) -> None:
    shell.status, shell.done = STATUS, ["wide-001 other\n", "wide-001 wide-002 wide-003\n"]
    lines = list(Queue("wide", 2).run({number: {"seed": number} for number in (1, 2, 3)}, "evaluate"))
    assert lines[0] == "1 of 3 experiments are done"
    assert lines[1].startswith("2 run in DVC's queue, 2 at once; ")
    assert [words for words in shell.asked if words.startswith("exp run")] == [
        "exp run --queue --name wide-003 -S ++seed=3 evaluate",
        "exp run --run-all --jobs 2",
    ]


def test_nothing_runs_where_all_is_done(shell: Shell) -> None:
    shell.done = ["wide-001 wide-002"]
    assert list(Queue("wide", 1).run({1: {}, 2: {}})) == ["2 of 2 experiments are done"]
    assert not any(words.startswith("exp run") for words in shell.asked)


def test_what_did_not_come_to_its_end_is_named(shell: Shell) -> None:
    shell.done = ["", "wide-001"]
    with pytest.raises(QueueError, match=r"^wide-002, wide-010 did not come to an end: `dvc queue logs wide-002`"):
        list(Queue("wide", 1).run({1: {}, 2: {}, 10: {}}))


def test_what_was_lost_with_its_worker_is_taken_out_before_all_is_run(
    shell: Shell, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "PATIENCE", 0.0)
    ended = subprocess.Popen(["true"])
    ended.wait()
    shell.experiments, shell.done = [shown("wide-001", "running", ended.pid)], ["", "wide-001"]
    list(Queue("wide", 1).run({1: {}}))
    assert shell.asked.index("queue remove wide-001") < shell.asked.index("queue status")


def test_changes_that_no_trial_would_see_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(QueueError, match="git status"):
        Queue("wide", 1).check()
    (tmp_path / "params.yaml").write_text("lr: 1\n")
    for words in (["init", "-q"], ["add", "-A"]):
        subprocess.run(["git", *words], check=True)
    with pytest.raises(QueueError, match=r"commit or stash first:\nA  params\.yaml"):
        Queue("wide", 1).check()


def test_the_state_is_of_what_git_tracks_committed_or_not(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for role in ("AUTHOR", "COMMITTER"):
        monkeypatch.setenv(f"GIT_{role}_NAME", "test")
        monkeypatch.setenv(f"GIT_{role}_EMAIL", "test@example.org")
    file, commit = tmp_path / "params.yaml", ["commit", "-qam", "Change"]
    file.write_text("lr: 1\n")
    for words in (["init", "-q"], ["add", "-A"], commit):
        subprocess.run(["git", *words], check=True)
    before = tracked_state()
    (tmp_path / "untracked").touch()
    os.utime(file, (1, 1))  # touched, not changed
    assert tracked_state() == before
    file.write_text("lr: 2\n")
    changed = tracked_state()
    assert changed != before
    subprocess.run(["git", *commit], check=True)
    assert tracked_state() == changed


def test_what_dvc_says_is_passed_on() -> None:
    with pytest.raises(QueueError, match=r"`git no-such-command`: .*no-such-command"):
        module.git("no-such-command")
