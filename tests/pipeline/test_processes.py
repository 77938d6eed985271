"""Stages that GRAFT_LAUNCH spreads over two processes: the same bytes or the same curve, and one killed is no harm."""

import csv
import re
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from tests.pipeline.conftest import edit_params, environment
from tests.pipeline.test_kills import FIRST_EPOCH

pytestmark = pytest.mark.slow

TWO = {"GRAFT_LAUNCH": "--nproc-per-node 2", "GLOO_SOCKET_IFNAME": "lo", "CUDA_VISIBLE_DEVICES": ""}


def start(project: Path, stage: str, told: dict[str, str]) -> "subprocess.Popen[str]":
    command, together = [sys.executable, "-m", f"stages.{stage}"], subprocess.STDOUT
    return subprocess.Popen(
        command, cwd=project, env=environment() | told, stdout=subprocess.PIPE, stderr=together, text=True
    )


def run(project: Path, stage: str, told: dict[str, str]) -> str:
    """Run a stage to its end; return what it said."""
    with start(project, stage, told) as running:
        said, _ = running.communicate()
    assert running.returncode == 0, said
    return said


def contents(folder: Path) -> dict[str, bytes]:
    return {str(file.relative_to(folder)): file.read_bytes() for file in folder.rglob("*") if file.is_file()}


def valid_losses(project: Path) -> list[float]:
    with (project / "reports/finetune/epochs.csv").open() as file:
        return [float(row["valid_loss"]) for row in csv.DictReader(file)]


@pytest.mark.parametrize(("stage", "out"), [("embed", "data/embeddings"), ("evaluate", "reports/evaluate")])
def test_two_processes_write_the_bytes_of_one(project: Path, stage: str, out: str) -> None:
    before = contents(project / out)
    assert f"{stage}: on 2 x cpu in fp32" in run(project, stage, TWO)
    after = contents(project / out)
    if stage == "evaluate":
        assert b'"evaluate": "1 x cpu"' in before["lineage.json"]
        before["lineage.json"] = before["lineage.json"].replace(b'"evaluate": "1 x cpu"', b'"evaluate": "2 x cpu"')
    assert after == before


def test_training_goes_on_when_one_of_two_processes_was_killed(project: Path) -> None:
    edit_params(project, finetune={"epochs": 8}, lr=1e-5)
    run(project, "finetune", {})
    alone, log = valid_losses(project), project / ".graft/log/finetune.log"

    log.unlink()
    said = ""
    with start(project, "finetune", TWO) as running:
        assert running.stdout is not None
        for line in running.stdout:
            said += line
            if re.match(r"finetune: +1 ", line):
                ranks = {child.environ().get("RANK"): child for child in psutil.Process(running.pid).children()}
                ranks["1"].kill()
    assert running.returncode == 1
    assert "finetune: LaunchError: process 1 was killed by SIGKILL, and all others were ended with it" in said
    assert not re.search(r"finetune: +8 ", said)

    log.unlink()
    said = run(project, "finetune", {})
    assert re.search(r"goes on after epoch \d, computed on 2 x cpu: what follows is the same up to rounding", said)
    assert not FIRST_EPOCH.search(log.read_text())
    assert valid_losses(project) == pytest.approx(alone, rel=1e-4)

    run(project, "finetune", TWO)
    assert valid_losses(project) == pytest.approx(alone, rel=1e-4)
    assert '"processes": "2 x cpu"' in (project / "models/finetuned/network.json").read_text()
