"""The recipes for clusters: checked against what their systems take, and the script in them run."""

import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import kubernetes_validate
import pytest
import yaml

from tests.pipeline.conftest import environment, finished, git, project
from tests.pipeline.test_bucket import endpoint, share

__all__ = ["endpoint", "finished", "project"]

ROOT = Path(__file__).resolve().parents[2]
RECIPES = ROOT / "examples" / "cluster"
SCRIPTS = sorted(RECIPES.glob("*.sh"))

COMMANDS = ("set -euo pipefail", "GIT_CONFIG_COUNT", "trap", "dvc exp run --pull", "dvc exp push origin", "srun")
"""What is explained of scripts, beside Slurm's options."""

TASK = {"name": str, "workdir": str, "resources": dict, "num_nodes": int, "envs": dict, "secrets": dict, "run": str}
RESOURCES = {"accelerators": dict, "cpus": str, "memory": str, "disk_size": int, "use_spot": bool}
"""Keys of a SkyPilot task, and their types, as its documentation has them."""


def recipe(name: str) -> dict[str, Any]:
    found: dict[str, Any] = yaml.safe_load((RECIPES / name).read_text())
    return found


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda file: file.name)
def test_scripts_have_no_fault_that_shellcheck_knows(script: Path) -> None:
    checker = Path(sys.executable).parent / "shellcheck"
    done = subprocess.run([checker, script], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout
    assert script.stat().st_mode & 0o100


def test_the_task_of_skypilot_has_known_keys_only() -> None:
    task = recipe("skypilot.yaml")
    assert {key: type(value) for key, value in task.items()} == TASK
    assert {key: type(value) for key, value in task["resources"].items()} == RESOURCES
    assert all(isinstance(value, str | None) for value in (task["envs"] | task["secrets"]).values())


def test_the_job_of_kubernetes_fits_its_schema() -> None:
    job = recipe("kubernetes.yaml")
    kubernetes_validate.validate(job, "1.30", strict=True)
    (container,) = job["spec"]["template"]["spec"]["containers"]
    volumes = {volume["name"] for volume in job["spec"]["template"]["spec"]["volumes"]}
    assert {mount["name"] for mount in container["volumeMounts"]} == volumes
    with pytest.raises(kubernetes_validate.ValidationError):
        kubernetes_validate.validate(job | {"spec": {"templates": {}}}, "1.30", strict=True)


@pytest.mark.parametrize("name", [file.name for file in sorted(RECIPES.iterdir())])
def test_every_line_is_explained(name: str) -> None:
    """Each key and option of a recipe stands in the page on scaling."""
    page = (ROOT / "docs/scaling.md").read_text()
    text = (RECIPES / name).read_text()
    if name.endswith(".yaml"):
        words = set(keys(recipe(name)))
    else:
        words = {line.split()[1].partition("=")[0] for line in text.splitlines() if line.startswith("#SBATCH")}
        words |= {word for word in COMMANDS if word in text}
    assert [word for word in sorted(words) if f"`{word}" not in page] == []


def keys(value: Any) -> list[str]:
    if isinstance(value, dict):
        return [name for key, inner in value.items() for name in (key, *keys(inner))]
    return [name for inner in value for name in keys(inner)] if isinstance(value, list) else []


def run(script: str, project: Path, folder: Path, *words: str, **variables: str) -> str:
    """Run a recipe as its system would, with the cluster's own command replaced by one that just runs."""
    (folder / "bin").mkdir()
    (folder / "bin/srun").write_text('#!/bin/sh\nwhile [ "${1#--}" != "$1" ]; do shift; done\nexec "$@"\n')
    (folder / "bin/srun").chmod(0o755)
    surroundings = environment() | {
        "REPOSITORY": str(project),
        "REVISION": git(project, "branch", "--show-current").strip(),
        "INSTALL": "true",  # what is installed here
        "TMPDIR": str(folder),
        "GIT_TOKEN": "none",
        "SLURM_SUBMIT_DIR": str(ROOT),
    }
    surroundings |= {"PATH": f"{folder / 'bin'}:{surroundings['PATH']}"} | variables
    command = ["bash", str(RECIPES / script), *words]
    done = subprocess.run(command, cwd=folder, env=surroundings, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.mark.slow
def test_an_experiment_comes_home_from_a_machine_that_is_gone(project: Path, endpoint: str, tmp_path: Path) -> None:
    share(project, endpoint)
    output = run("slurm.sh", project, tmp_path, "plain", "-S", "evaluate.calibrate=false", GRAFT_LAUNCH="")
    assert "Running stage 'evaluate'" in output
    assert "Running stage 'finetune'" not in output
    for folder in tmp_path.glob("tmp.*"):
        shutil.rmtree(folder)
    report = git(project, "show", f"{reference(project, 'plain')}:params.yaml")
    assert "calibrate: false" in report


def reference(project: Path, name: str) -> str:
    """The experiment's own reference in git."""
    (found,) = [line for line in git(project, "for-each-ref", "--format=%(refname)", "refs/exps").splitlines()
                if line.endswith(f"/{name}")]  # fmt: skip
    return found
