import json
import subprocess
from pathlib import Path
from typing import Any

import pytest
from hydra.core.override_parser.overrides_parser import OverridesParser

from graft.apps.sweep import queue as module
from graft.apps.sweep.queue import Queue, QueueError, override


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
    """Stands in for DVC and git, and notes what was asked."""

    def __init__(self, experiments: list[dict[str, Any]]) -> None:
        self.experiments, self.asked = experiments, list[str]()

    def dvc(self, *words: str, jobs: int = 1) -> str:
        self.asked.append(" ".join(words))
        return json.dumps([{"experiments": self.experiments}])

    def git(self, *words: str) -> str:
        return ""


@pytest.fixture
def shell(monkeypatch: pytest.MonkeyPatch) -> Shell:
    found = Shell([])
    monkeypatch.setattr(module, "dvc", found.dvc)
    monkeypatch.setattr(module, "git", found.git)
    return found


def test_only_the_experiments_of_the_sweep_count_in_order(shell: Shell) -> None:
    shell.experiments = [shown("wide-010", "queued"), shown("wide-002", "success"), shown("wider-001", "success")]
    shell.experiments += [shown("wide-1x", "success"), shown("brave-moth", "success")]
    assert [(one.name, one.number, one.state) for one in Queue("wide", 1).experiments()] == [
        ("wide-002", 2, "success"),
        ("wide-010", 10, "queued"),
    ]


def test_an_experiment_that_was_fetched_counts_as_a_success(shell: Shell) -> None:
    shell.experiments = [shown("wide-001", "") | {"executor": None}]
    assert [one.state for one in Queue("wide", 1).experiments()] == ["success"]


def test_a_trial_without_a_process_is_taken_out_after_some_time(shell: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
    ended = subprocess.Popen(["true"])
    ended.wait()
    shell.experiments = [shown("wide-001", "running", ended.pid), shown("wide-002", "running")]
    queue = Queue("wide", 1)
    assert [one.number for one in queue.experiments()] == [1, 2]  # its worker may be about to collect it
    monkeypatch.setattr(module, "PATIENCE", 0.0)
    assert [one.number for one in queue.experiments()] == [2]
    assert shell.asked[-2:] == ["queue kill --force wide-001", "queue remove wide-001"]


def test_trials_write_what_they_answer_on_valid_and_stop_before_the_report(shell: Shell) -> None:
    assert Queue("wide", 1).put(7, {"lr": 0.01}) == "wide-007"
    assert shell.asked == [
        "exp run --queue --name wide-007 -S ++lr=0.01 -S ++evaluate.interpret=['test','valid'] evaluate"
    ]


def test_changes_that_no_trial_would_see_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(QueueError, match="git status"):
        Queue("wide", 1).check()
    (tmp_path / "params.yaml").write_text("lr: 1\n")
    for words in (["init", "-q"], ["add", "-A"]):
        subprocess.run(["git", *words], check=True)
    with pytest.raises(QueueError, match=r"commit or stash first:\nA  params\.yaml"):
        Queue("wide", 1).check()


def test_what_dvc_says_is_passed_on(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(QueueError, match=r"`git no-such-command`: .*no-such-command"):
        module.git("no-such-command")
