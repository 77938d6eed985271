"""dvc.yaml says exactly what each script imports and reads."""

import ast
import subprocess
import sys
from collections.abc import Set
from pathlib import Path

import pytest
import yaml

from tests.closure import closures, declared, is_code

ROOT = Path(__file__).resolve().parents[2]
STAGES = yaml.safe_load((ROOT / "dvc.yaml").read_text())["stages"]
SCRIPTS = sorted(name.replace("-", "_") for name in STAGES)


@pytest.fixture(scope="module")
def found() -> dict[str, set[str]]:
    return closures()


def test_every_stage_has_a_script_and_every_script_a_stage(found: dict[str, set[str]]) -> None:
    assert sorted(found) == SCRIPTS


@pytest.mark.parametrize("script", SCRIPTS)
def test_code_dependencies_are_the_import_closure(script: str, found: dict[str, set[str]]) -> None:
    wanted, said = found[script], declared()[script]
    assert said == wanted, f"missing {sorted(wanted - said)}, superfluous {sorted(said - wanted)}: run `make deps`"


def test_closures_are_precise(found: dict[str, set[str]]) -> None:
    """Neighbouring code is not swept in: evaluating never retrains, splitting never decodes."""
    assert not any(file.startswith("graft/evaluate/") for file in found["finetune"] | found["train_head"])
    assert not any(file.startswith("graft/train/") for file in found["export"] | found["embed"])
    # out of fold, heads are fitted again; what trains the network does not come with them
    assert not {"graft/finetune/loop.py", "graft/finetune/config.py", "graft/finetune/step.py"} & found["evaluate"]
    assert not any(file.startswith(("graft/split/", "graft/model/")) for file in found["presize"] | found["index"])
    assert "graft/images/decode.py" not in found["split"]


@pytest.mark.parametrize("script", SCRIPTS)
def test_params_declared_are_the_params_read(script: str) -> None:
    tree = ast.parse((ROOT / "stages" / f"{script}.py").read_text())
    calls = [node for node in ast.walk(tree) if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute)]
    named = [call.args[:1] for call in calls if call.func.attr == "params"]  # type: ignore[attr-defined]
    named += [call.args for call in calls if call.func.attr == "values"]  # type: ignore[attr-defined]
    read = {word.value for words in named for word in words if isinstance(word, ast.Constant)}
    stage = STAGES[script.replace("_", "-")]
    items = stage.get("foreach", {}).values()
    said = {item["section"] for item in items} or set(stage["params"])
    assert read == said


@pytest.mark.parametrize("script", SCRIPTS)
def test_paths_in_the_script_are_the_paths_in_dvc_yaml(script: str) -> None:
    tree = ast.parse((ROOT / "stages" / f"{script}.py").read_text())
    named = {
        node.args[0].value
        for node in ast.walk(tree)
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Name)
        and node.func.id == "Path"
        and isinstance(node.args[0], ast.Constant)
    }
    stage = STAGES[script.replace("_", "-")]
    if "foreach" in stage:
        outs = {item["out"] for item in stage["foreach"].values()}
    else:
        outs = {out if isinstance(out, str) else next(iter(out)) for out in stage["outs"]}
    made = {dep for dep in stage.get("do", stage)["deps"] if not is_code(dep)}
    assert _covered(named, made | outs), f"{named} is not {made | outs}"
    assert outs <= named


def _covered(named: Set[object], said: Set[str]) -> bool:
    """A script may name a file inside a folder that dvc.yaml names."""
    inside = all(any(str(name) == path or str(name).startswith(f"{path}/") for path in said) for name in named)
    used = all(any(str(name) == path or str(name).startswith(f"{path}/") for name in named) for path in said)
    return inside and used


@pytest.mark.parametrize("script", ["index", "split", "presize"])
def test_stages_that_need_no_torch_do_not_import_it(script: str) -> None:
    code = f"import sys, stages.{script}; print([name for name in ('torch', 'timm', 'onnx') if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_scripts_are_small() -> None:
    for script in SCRIPTS:
        lines = (ROOT / "stages" / f"{script}.py").read_text().splitlines()
        assert len(lines) <= 70, f"stages/{script}.py has {len(lines)} lines: move work into graft"
