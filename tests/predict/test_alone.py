"""``pip install '.[predict]'`` is enough, for the command and for Python."""

import subprocess
import sys
from importlib.metadata import packages_distributions, requires
from pathlib import Path

import pytest
from packaging.requirements import Requirement

from graft.core.errors import install
from tests.predict.tiny_bundle import paint

ROOT = Path(__file__).resolve().parents[2]

REFUSE = """
import sys
from importlib.abc import MetaPathFinder

class Refuse(MetaPathFinder):
    def find_spec(self, name, path, target=None):
        if name.partition(".")[0] not in sys.stdlib_module_names | ALLOWED and "sysconfigdata" not in name:
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)

sys.meta_path.insert(0, Refuse())
"""


def modules_of(*names: str) -> set[str]:
    """Top-level modules of some distributions and of all that they require."""
    wanted, found = list(names), set[str]()
    while wanted:
        name = wanted.pop()
        if name in found:
            continue
        found.add(name)
        needed = map(Requirement, requires(name) or [])
        wanted += [one.name.lower() for one in needed if one.marker is None or one.marker.evaluate({"extra": ""})]
    norm = {name.replace("_", "-") for name in found}
    return {
        module
        for module, owners in packages_distributions().items()
        if any(owner.lower().replace("_", "-") in norm for owner in owners)
    }


def run(allowed: set[str], code: str, *words: str) -> subprocess.CompletedProcess[str]:
    code = f"ALLOWED = {allowed | {'graft'}!r}\n{REFUSE}\n{code}"
    return subprocess.run(
        [sys.executable, "-W", "error", "-c", code, *words], capture_output=True, text=True, cwd=ROOT, check=False
    )


@pytest.mark.slow
def test_the_command_runs_with_its_extra_alone(bundle: Path, tmp_path: Path) -> None:
    allowed = modules_of("numpy", "pillow", "onnxruntime", "tqdm", "typer")
    assert {"numpy", "PIL", "onnxruntime", "tqdm", "typer"} <= allowed
    assert not allowed & {"torch", "pandas", "scipy", "sklearn", "yaml", "ruamel", "onnx", "pyarrow", "fsspec", "dvc"}
    paint(tmp_path / "a.png", 200, 50, 50)
    words = ["predict", str(tmp_path), "--bundle", str(bundle), "--csv"]
    done = run(allowed, "from graft.apps.cli import run; run()", *words)
    assert (done.returncode, done.stderr) == (0, "")
    header, row = done.stdout.splitlines()
    assert header == "path,label,probability,error"
    assert row.startswith(f"{tmp_path}/a.png,red,0.98")
    done = run(
        allowed, "from graft.apps.cli import run; run()", *words, "--out", str(tmp_path / "a.parquet"), "--parquet"
    )
    assert done.returncode == 2


@pytest.mark.slow
def test_a_command_that_needs_more_says_what_to_install() -> None:
    allowed = modules_of("numpy", "pillow", "onnxruntime", "tqdm", "typer")
    done = run(allowed, "from graft.apps.cli import run; run()", "check")
    said = f"graft: this command needs ruamel, which is not installed: {install('pipeline')}"
    assert (done.returncode, done.stderr.strip()) == (1, said)


@pytest.mark.slow
def test_the_predictor_runs_with_less(bundle: Path, tmp_path: Path) -> None:
    allowed = modules_of("numpy", "pillow", "onnxruntime")
    assert not allowed & {"typer", "tqdm", "pydantic"}
    code = (
        "from graft.predict import Predictor\n"
        "predictor = Predictor(sys.argv[1])\n"
        "print(predictor.predict(sys.argv[2]).label, [found.label for found in predictor.predict_many(sys.argv[2:])])"
    )
    done = run(allowed, code, str(bundle), str(paint(tmp_path / "a.png", 40, 160, 90)))
    assert (done.stdout, done.stderr) == ("green ['green']\n", "")


def test_the_command_line_starts_without_what_its_commands_need() -> None:
    code = "import sys, graft.apps.cli; print(*{name.partition('.')[0] for name in sys.modules})"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT, check=True)
    loaded = set(done.stdout.split())
    assert "typer" in loaded
    assert not loaded & {"numpy", "PIL", "onnxruntime", "pydantic", "yaml", "ruamel", "torch", "pandas", "tqdm"}
