"""A whole project in a temporary git repository: few generated images, a tiny network; copied for each test."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from filelock import FileLock
from PIL import Image
from ruamel.yaml import YAML
from safetensors.torch import save_file

from tests.network.tiny_network import full_state

ROOT = Path(__file__).resolve().parents[2]
SHIPPED = (
    "graft",
    "stages",
    "presets",
    "corrections.csv",
    "dvc.yaml",
    "constraints.txt",
    ".dvcignore",
    ".gitignore",
    "params.yaml",
)


def dvc(project: Path, *words: str, python: str = sys.executable) -> str:
    """Run DVC in the project as a user would, with this interpreter first on PATH."""
    command = [python, "-m", "dvc", *words]
    done = subprocess.run(command, cwd=project, env=environment(python), capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout + done.stderr


def environment(python: str = sys.executable) -> dict[str, str]:
    path = os.pathsep.join([str(Path(python).parent), os.environ["PATH"]])
    quiet = {"DVC_NO_ANALYTICS": "1", "OMP_NUM_THREADS": "1", "GIT_CONFIG_GLOBAL": os.devnull}
    return os.environ | {"PATH": path, "PYTHONPATH": ""} | quiet


def stages_run(output: str) -> set[str]:
    """Names of the stages whose command DVC ran."""
    lines = [line for line in output.splitlines() if line.startswith("Running stage")]
    return {line.split("'")[1].split("@")[0] for line in lines}


def git(project: Path, *words: str) -> str:
    identity = ["-c", "user.name=test", "-c", "user.email=test@example.org"]
    return subprocess.run(["git", *identity, *words], cwd=project, check=True, capture_output=True, text=True).stdout


def edit_params(project: Path, **sections: object) -> None:
    """Set top-level keys of params.yaml; a mapping updates the section."""
    yaml, file = YAML(), project / "params.yaml"
    values = yaml.load(file.read_text())
    for key, value in sections.items():
        if isinstance(value, dict):
            values[key].update(value)
        else:
            values[key] = value
    with file.open("w") as stream:
        yaml.dump(values, stream)


@pytest.fixture(scope="session")
def finished(tmp_path_factory: pytest.TempPathFactory, worker_id: str) -> Path:
    """A project whose pipeline ran through, made once for all workers; ``first-run.txt`` beside it has what DVC said.

    Tests work on copies of it (`project`).
    """
    base = tmp_path_factory.getbasetemp()
    shared = (base if worker_id == "master" else base.parent) / "finished"
    with FileLock(f"{shared}.lock"):
        if not (shared / "first-run.txt").is_file():
            folder = _create(shared / "project")
            output = dvc(folder, "repro")
            git(folder, "add", "-A")
            git(folder, "commit", "-qm", "Run")
            (shared / "first-run.txt").write_text(output)
    return shared / "project"


@pytest.fixture
def project(finished: Path, tmp_path: Path) -> Path:
    """A copy of the finished project, with its cache, to change as a user would."""
    return Path(shutil.copytree(finished, tmp_path / "project", symlinks=True))


def _create(folder: Path) -> Path:
    """The shipped pipeline over 36 images in class folders and a backbone made on the spot."""
    folder.mkdir(parents=True)
    for name in SHIPPED:
        copy = shutil.copytree if (ROOT / name).is_dir() else shutil.copy
        copy(ROOT / name, folder / name)
    (folder / ".dvc").mkdir()
    shutil.copy(ROOT / ".dvc" / "config", folder / ".dvc" / "config")
    shutil.copy(ROOT / ".dvc" / ".gitignore", folder / ".dvc" / ".gitignore")
    draw_pictures(folder / "pictures")
    write_weights(folder / "tiny.safetensors")
    write_tiny_params(folder)
    git(folder, "init", "-q")
    git(folder, "add", "-A")
    git(folder, "commit", "-qm", "Begin")
    return folder


def draw_pictures(folder: Path) -> None:
    """Draw squares and discs on noise; one exact copy, one damaged file, one file that is no picture."""
    generator = np.random.default_rng(0)
    y, x = np.mgrid[:40, :40]
    for number in range(36):
        kind = ("disc", "square")[number % 2]
        centre = generator.integers(14, 26, 2)
        away = np.abs(x - centre[0]), np.abs(y - centre[1])
        inside = np.hypot(*away) < 10 if kind == "disc" else np.maximum(*away) < 9
        pixels = generator.integers(0, 90, (40, 40, 3)) + 150 * inside[..., None]
        (folder / kind).mkdir(parents=True, exist_ok=True)
        Image.fromarray(pixels.astype(np.uint8)).save(folder / kind / f"{number:02}.png")
    shutil.copy(folder / "disc" / "00.png", folder / "disc" / "copy.png")
    whole = (folder / "disc" / "02.png").read_bytes()
    (folder / "disc" / "torn.png").write_bytes(whole[: len(whole) // 2])
    (folder / "notes.txt").write_text("not a picture\n")
    rows = [f"{('disc', 'square')[number % 2]}/{number:02}.png" for number in range(36)]
    held = [f"{row.partition('/')[0]}{' late' if number % 3 == 0 else ''}" for number, row in enumerate(rows)]
    table = "".join(f"{row},{labels}\n" for row, labels in zip(rows, held, strict=True))
    (folder / "shapes.csv").write_text(f"path,labels\n{table}")


def write_weights(file: Path) -> None:
    """Make a tiny network up."""
    generator = torch.Generator().manual_seed(0)
    state = {}
    for name, tensor in full_state("test_efficientnet").items():
        if not tensor.is_floating_point():
            state[name] = torch.tensor(1)
        elif ".bn" in name or name.startswith("bn"):
            state[name] = torch.ones(tensor.shape) if name.endswith(("weight", "var")) else torch.zeros(tensor.shape)
        else:
            state[name] = torch.randn(tensor.shape, generator=generator) * 0.3
    save_file(state, file)


def write_tiny_params(folder: Path) -> None:
    """Let params.yaml run in seconds."""
    yaml, file = YAML(), folder / "params.yaml"
    values = yaml.load(file.read_text())
    values["source"] = {"uri": "pictures", "licence": "CC0"}
    values["labels"] = {"rule": "folder"}
    values["index"].update({"max_bad": 0.5})
    values["split"] = {"by": "random", "test": 0.3, "valid": 0.3, "stratify": ["label"], "seed": 0}
    values["presize"] = {"size": 36}
    values["backbone"] = {"name": "test_efficientnet", "weights": "tiny.safetensors", "licence": "CC0"}
    values["embed"].update({"size": 32, "layers": ["blocks.3"]})
    values["train_head"].update({"epochs": 5, "l2": [0.1, 1.0]})
    values["finetune"].update({"epochs": 3, "batch_size": 4, "sizes": [[32, 1.0]], "freeze": ["conv_stem"]})
    values["report"].update({"gallery": 6})
    with file.open("w") as stream:
        yaml.dump(values, stream)
