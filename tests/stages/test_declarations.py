"""dvc.yaml says exactly what each script imports and reads."""

import ast
import subprocess
import sys
from collections.abc import Set
from pathlib import Path

import grimp
import pytest
import yaml

ROOT = Path(__file__).resolve().parents[2]
STAGES = yaml.safe_load((ROOT / "dvc.yaml").read_text())["stages"]
SCRIPTS = sorted(name.replace("-", "_") for name in STAGES)
SHARED = ("__init__", "curves", "runtime")
"""Modules in ``stages`` that are no stage themselves."""
ENTRIES = {
    "download@dataset": "graft.source.dataset",
    "download@weights": "graft.backbone.weights",
    **{script.replace("_", "-"): f"stages.{script}" for script in SCRIPTS if script != "download"},
}
"""The module whose imports are a stage's code; one script downloads both items, each by a module of its own."""


@pytest.fixture(scope="module")
def graph() -> grimp.ImportGraph:
    return grimp.build_graph("graft", "stages", cache_dir=None)


def expected_code(stage: str, graph: grimp.ImportGraph) -> set[str]:
    """Folders of graft and files of stages that a stage's code lies in."""
    entry = ENTRIES[stage]
    modules = {entry, *graph.find_upstream_modules(entry)} - {"graft", "stages"}
    modules |= {f"stages.{stage.partition('@')[0].replace('-', '_')}", "stages.runtime", "graft.core.errors"}
    folders = {"/".join(module.split(".")[:2]) for module in modules if module.startswith("graft.")}
    return folders | {f"{module.replace('.', '/')}.py" for module in modules if module.startswith("stages.")}


def declared_code(stage: str) -> set[str]:
    """The same as dvc.yaml names it."""
    name, _, item = stage.partition("@")
    body = STAGES[name].get("do", STAGES[name])
    values = STAGES[name].get("foreach", {}).get(item, {})
    named = {values["code"] if dep == "${item.code}" else dep for dep in body["deps"] if is_code(dep)}
    return named - {"constraints.txt", "graft/__init__.py"}


def is_code(dependency: str) -> bool:
    """Tell code from what stages make or people write."""
    return not dependency.startswith(("data/", "models/", "reports/", "corrections.csv"))


def test_every_stage_has_a_script_and_every_script_a_stage() -> None:
    scripts = [file.stem for file in (ROOT / "stages").glob("*.py") if file.stem not in SHARED]
    assert sorted(scripts) == SCRIPTS


@pytest.mark.parametrize("stage", ENTRIES)
def test_folders_declared_are_the_folders_imported(stage: str, graph: grimp.ImportGraph) -> None:
    expected, declared = expected_code(stage, graph), declared_code(stage)
    assert declared == expected, f"missing {sorted(expected - declared)}, superfluous {sorted(declared - expected)}"


@pytest.mark.parametrize("stage", ENTRIES)
def test_every_stage_depends_on_the_versions_of_the_libraries(stage: str) -> None:
    body = STAGES[stage.partition("@")[0]]
    assert "constraints.txt" in body.get("do", body)["deps"]


def test_dvc_yaml_is_short_enough_to_read() -> None:
    assert len((ROOT / "dvc.yaml").read_text().splitlines()) < 200


@pytest.mark.parametrize("script", SCRIPTS)
def test_params_declared_are_the_params_read(script: str) -> None:
    tree = ast.parse((ROOT / "stages" / f"{script}.py").read_text())
    calls = [node for node in ast.walk(tree) if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute)]
    named = [call.args[:1] for call in calls if call.func.attr == "params"]  # type: ignore[attr-defined]
    named += [call.args for call in calls if call.func.attr == "values"]  # type: ignore[attr-defined]
    read = {word.value for words in named for word in words if isinstance(word, ast.Constant)}
    stage = STAGES[script.replace("_", "-")]
    items = stage.get("foreach", {}).values()
    said = {item["params"] for item in items} or set(stage["params"])
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


@pytest.mark.slow
@pytest.mark.parametrize("script", ["index", "split", "presize"])
def test_stages_that_need_no_torch_do_not_import_it(script: str) -> None:
    code = f"import sys, stages.{script}; print([name for name in ('torch', 'timm', 'onnx') if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_scripts_are_small() -> None:
    for script in SCRIPTS:
        lines = (ROOT / "stages" / f"{script}.py").read_text().splitlines()
        assert len(lines) <= 70, f"stages/{script}.py has {len(lines)} lines: move work into graft"
