"""A sweep over the tiny pipeline, by DVC's own queue, killed and called again."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from graft.apps.queue import Experiment
from graft.apps.sweep import sweep as module
from graft.apps.sweep.config import Sweep
from graft.apps.sweep.sweep import Score, Trial, failure, run_sweep, summary
from graft.core.errors import GraftError
from tests.pipeline.conftest import dvc, environment, git

SWEEP = """
trials: 6
params:
  finetune.lr_ratio: {low: 1.0, high: 100.0, log: true}
  evaluate.tta: [[none], [none, horizontal]]
"""


def sweep(project: Path) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "graft", "sweep", "sweep.yaml", "--jobs", "2"]
    return subprocess.Popen(
        command, cwd=project, env=environment(), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )


def experiments(project: Path) -> dict[str, dict[str, Any]]:
    shown = json.loads(dvc(project, "exp", "show", "--json", "--hide-workspace").splitlines()[-1])
    return {one["name"]: one for commit in shown for one in commit["experiments"] or ()}


@pytest.mark.slow
def test_a_sweep_goes_on_after_it_was_killed_and_takes_the_best_on_valid(project: Path) -> None:
    for key, value in (("user.name", "test"), ("user.email", "test@example.org")):
        git(project, "config", key, value)
    (project / "sweep.yaml").write_text(SWEEP)
    with sweep(project) as first:
        assert first.stdout is not None
        next(line for line in first.stdout if "accuracy" in line)  # one trial has ended, while the other runs
        first.kill()
    assert 1 <= len(experiments(project)) < 6

    output, _ = sweep(project).communicate(timeout=3600)
    found = experiments(project)
    assert sorted(found) == [f"sweep-{number:03}" for number in range(1, 7)], output
    assert {one["executor"]["state"] for one in found.values()} == {"success"}
    assert git(project, "status", "--porcelain", "--untracked-files=no") == ""

    values = [one["revs"][0]["data"]["params"]["params.yaml"]["data"] for one in found.values()]
    tried = {(one["finetune"]["lr_ratio"], tuple(one["evaluate"]["tta"])) for one in values}
    assert len(tried) == 6
    assert len({(one["seed"], json.dumps(one["split"])) for one in values}) == 1
    splits = {one["revs"][0]["data"]["outs"]["data/split.csv"]["hash"] for one in found.values()}
    assert len(splits) == 1

    best = max(found, key=lambda name: rank(project, found[name]["revs"][0]["rev"]))
    listed = output.partition("the best on valid:\n")[2].splitlines()
    assert listed[0].startswith(f"  {best}: finetune.lr_ratio ")
    assert f"`dvc exp apply {best}`" in output
    assert max(len(line) for line in dvc(project, "exp", "show", "--only-changed", "--md").splitlines()) < 2000

    again, _ = sweep(project).communicate(timeout=3600)
    assert "queued" not in again
    assert again.partition("the best on valid:")[2] == output.partition("the best on valid:")[2]


def rank(project: Path, rev: str) -> tuple[float, float]:
    """By what the trial answered on valid, counted anew."""
    rows = git(project, "show", f"{rev}:reports/evaluate/valid/predictions.csv")
    table = pd.DataFrame([line.split(",") for line in rows.splitlines()[1:]], columns=rows.splitlines()[0].split(","))
    splits = pd.read_csv(project / "data/split.csv").set_index("path")["split"]
    assert set(splits[table["path"]]) == {"valid"}
    return float((table["label"] == table["predicted"]).mean()), -float(table["loss"].astype(float).mean())


def experiment(number: int, state: Any = "success", log: Path | None = None) -> Experiment:
    return Experiment(f"wide-{number:03}", number, f"rev{number}", state, {"lr": number / 10}, None, log)


class Made:
    """A queue whose trials end as they are told to."""

    name, jobs = "wide", 2

    def __init__(self, end: Any) -> None:
        self.end, self.held, self.started = end, list[Experiment](), 0

    def check(self) -> None: ...

    def experiments(self) -> list[Experiment]:
        self.held = [self.end(one) for one in self.held]
        return list(self.held)

    def put(self, number: int, values: dict[str, Any], target: str) -> str:
        assert target == "evaluate"  # a trial needs neither report nor bundle
        assert values.pop("evaluate.interpret") == ["test", "valid"]
        self.held.append(Experiment(f"wide-{number:03}", number, f"rev{number}", "queued", values, None, None))
        return self.held[-1].name

    def start(self) -> None:
        self.started += 1

    def wait(self) -> bool:
        return True


def test_trials_that_all_fail_end_the_sweep_with_their_last_words(tmp_path: Path) -> None:
    log = tmp_path / "log"
    log.write_text("Running stage 'finetune'\n\nfinetune: TrainingError: the loss is nan\n")
    queue = Made(lambda one: experiment(one.number, "failed", log))
    config = Sweep(trials=50, params={"lr": [number / 10 for number in range(1, 40)]})
    values = {"lr": 0.1}
    with pytest.raises(GraftError, match=r"4 trials failed and none succeeded; .*the loss is nan") as caught:
        list(run_sweep(config, values, queue))  # type: ignore[arg-type]
    assert "dvc queue remove wide-001 wide-002 wide-003 wide-004" in str(caught.value)


def test_a_trial_of_other_values_is_not_taken_for_one_of_this_sweep() -> None:
    queue = Made(lambda one: one)
    queue.held = [experiment(1)]
    config = Sweep(params={"lr": [0.2, 0.3]})
    with pytest.raises(GraftError, match=r"wide-001 tried {'lr': 0.1}, which this sweep does not: .*--name"):
        list(run_sweep(config, {"lr": 0.2}, queue))  # type: ignore[arg-type]


def test_a_failure_without_a_log_says_where_to_look() -> None:
    assert failure(experiment(4, "failed")) == "failed: it printed nothing; `dvc queue logs wide-004` has all of it"


def test_among_equals_the_lower_loss_is_best(monkeypatch: pytest.MonkeyPatch) -> None:
    def trial(number: int, value: float, loss: float) -> Trial:
        return Trial(experiment(number), {"lr": number / 10}, Score("accuracy", value, value - 0.1, value + 0.1, loss))

    monkeypatch.setattr(module, "difference", lambda a, b: f"from {a.name} to {b.name}")
    lines = list(summary([trial(1, 0.7, 0.2), trial(2, 0.8, 0.5), trial(3, 0.8, 0.4)], "wide"))
    assert lines[1].startswith("  wide-003: lr 0.3: accuracy 0.8000 (0.7000 to 0.9000)")
    assert [line.split(":")[0].strip() for line in lines[1:4]] == ["wide-003", "wide-002", "wide-001"]
    assert lines[4] == "wide-003 less wide-001: from wide-001 to wide-003"
    assert "the best of 3 looks better on valid than it is" in lines[5]


def test_a_sweep_without_any_success_says_so() -> None:
    with pytest.raises(GraftError, match="no trial of wide succeeded"):
        list(summary([Trial(experiment(1, "failed"), {"lr": 0.1}, None)], "wide"))
