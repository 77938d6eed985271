"""The workflow that measures a pull request: what it may do, and its steps, run on a branch of a tiny project."""

import os
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.pipeline.conftest import ROOT, edit_params, environment, git

FILE = ROOT / ".github/workflows/experiment.yml"


def jobs() -> dict[str, Any]:
    found: dict[str, Any] = yaml.safe_load(FILE.read_text(encoding="utf-8"))["jobs"]
    return found


def scripts(job: dict[str, Any]) -> list[str]:
    return [step["run"] for step in job["steps"] if "run" in step]


def test_only_the_job_that_runs_nothing_of_the_pull_request_may_write() -> None:
    whole = yaml.safe_load(FILE.read_text(encoding="utf-8"))
    assert whole["permissions"] == {}
    assert list(whole[True]) == ["pull_request"]  # `on`, to a reader of YAML 1.1; never pull_request_target
    assert {name: job["permissions"] for name, job in jobs().items()} == {
        "measure": {"contents": "read"},
        "comment": {"pull-requests": "write"},
    }
    assert jobs()["measure"]["steps"][0]["with"]["persist-credentials"] is False
    assert "checkout" not in str(jobs()["comment"])
    assert "github.token" not in str(jobs()["measure"])
    for job in jobs().values():
        assert not [script for script in scripts(job) if "${{" in script]  # text of others is never code


@pytest.mark.slow
def test_its_steps_compare_a_branch_with_what_it_leaves(project: Path) -> None:
    """Without settings, where nothing is to be run before the change."""
    before = git(project, "rev-parse", "HEAD").strip()
    git(project, "checkout", "-qb", "slower")
    edit_params(project, lr=1e-6)
    git(project, "commit", "-qam", "Try a lower learning rate")
    after = git(project, "rev-parse", "HEAD").strip()
    summary = project.parent / "summary.md"
    variables = environment() | {"BEFORE": before, "AFTER": after, "SETTINGS": ""}
    variables |= {"GITHUB_STEP_SUMMARY": str(summary), "GITHUB_PATH": os.devnull}
    (project.parent / "bin").mkdir()
    make = project.parent / "bin/make"
    make.write_text("#!/bin/sh\n")  # all is installed
    make.chmod(0o755)
    variables["PATH"] = os.pathsep.join([str(make.parent), variables["PATH"]])
    for script in scripts(jobs()["measure"]):  # as GitHub runs them
        done = subprocess.run(
            ["bash", "-e", "-c", script], cwd=project, env=variables, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stdout + done.stderr
    told = (project / "comparison.md").read_text()
    assert summary.read_text() == told
    assert "lr" in told
    assert "before" in told
    assert "after" in told
