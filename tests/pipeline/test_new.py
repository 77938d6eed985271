"""A project of one's own, with graft from a wheel: nothing of this repository can be imported in it."""

import json
import subprocess
import sys
import sysconfig
from pathlib import Path

import pytest

from tests.pipeline.conftest import (
    ROOT,
    draw_pictures,
    dvc,
    edit_params,
    environment,
    git,
    stages_run,
    write_tiny_params,
    write_weights,
)

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def python(tmp_path_factory: pytest.TempPathFactory) -> str:
    """The interpreter of an environment that has graft from its wheel, and all else from where the tests run."""
    folder = tmp_path_factory.mktemp("installed")
    pip = [sys.executable, "-m", "pip"]
    built = ["--no-deps", "--no-build-isolation", "--no-index", "--quiet"]
    subprocess.run([*pip, "wheel", *built, "--wheel-dir", str(folder), str(ROOT)], check=True)
    (wheel,) = folder.glob("graft_vision-*.whl")
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(folder / "venv")], check=True)
    (packages,) = (folder / "venv").glob("lib/python*/site-packages")
    # a folder on a path file is searched, but its own path files are not read: that of an editable graft among them
    (packages / "libraries.pth").write_text(f"{sysconfig.get_path('purelib')}\n")
    found = str(folder / "venv" / "bin" / "python")
    install = ["--python", found, "install", "--no-deps", "--no-index", "--quiet", str(wheel)]
    subprocess.run([*pip, *install], check=True)
    return found


def graft(project: Path, python: str, *words: str, code: int = 0) -> str:
    """Run a command as a user would."""
    return run(project, python, str(Path(python).with_name("graft")), *words, code=code)


def run(project: Path, python: str, *command: str, code: int = 0) -> str:
    variables = environment(python) | {"GIT_AUTHOR_NAME": "test", "GIT_AUTHOR_EMAIL": "test@example.org"}
    variables |= {"GIT_COMMITTER_NAME": "test", "GIT_COMMITTER_EMAIL": "test@example.org"}
    done = subprocess.run(command, cwd=project, env=variables, capture_output=True, text=True, check=False)
    assert done.returncode == code, done.stdout + done.stderr
    return done.stdout + done.stderr


def test_from_wheel_to_upgrade(python: str, tmp_path: Path) -> None:
    draw_pictures(tmp_path / "pictures")
    told = graft(tmp_path, python, "new", "shapes", "pictures", "--licence", "CC0")
    assert "shapes: a new project" in told
    project = tmp_path / "shapes"
    installed = Path(python).parents[1]
    where = run(project, python, python, "-c", "import graft, stages; print(graft.__file__, stages.__file__)")
    assert [Path(file).is_relative_to(installed) for file in where.split()] == [True, False]

    source = {"uri": str(tmp_path / "pictures"), "licence": "CC0"}
    write_weights(project / "tiny.safetensors")
    write_tiny_params(project)
    edit_params(project, source=source)
    assert "keys are valid" in graft(project, python, "check")
    every = {name.partition("@")[0] for name in json.loads((project / "code.json").read_text())["code"]}
    assert stages_run(dvc(project, "repro", python=python)) == every
    assert "Running stage" not in dvc(project, "repro", python=python)
    git(project, "add", "-A")
    git(project, "commit", "-qm", "Run")
    assert "the head" in graft(project, python, "results")
    assert "disc" in graft(project, python, "predict", str(tmp_path / "pictures" / "disc" / "04.png"))

    trained = {"train-head", "finetune", "evaluate"}
    assert stages_run(dvc(project, "exp", "run", "-S", "lr=3e-3", "evaluate", python=python)) == trained
    assert "lr" in graft(project, python, "compare", "HEAD", "workspace")

    (room,) = installed.glob("lib/python*/site-packages/graft/split")
    with (room / "assign.py").open("a") as file:
        file.write("# another graft\n")
    refusal = "what is installed is not what code.json records: graft/split; install what it records"
    assert refusal in run(project, python, python, "-m", "stages.split", code=1)
    assert refusal in graft(project, python, "check", code=1)
    assert "`dvc repro` runs again: split, and what follows" in graft(project, python, "upgrade")
    assert stages_run(dvc(project, "repro", "evaluate", python=python)) == {"split"}
    assert "keys are valid" in graft(project, python, "check")
