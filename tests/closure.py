"""What code each stage's script imports, directly or not, and what dvc.yaml says it does.

``python -m tests.closure --write`` brings dvc.yaml up to date.
"""

import sys
from pathlib import Path
from typing import Any

import grimp
from ruamel.yaml import YAML

ROOT = Path(__file__).resolve().parents[1]
DVC_YAML = ROOT / "dvc.yaml"
CONSTRAINTS = "constraints.txt"
SHARED = ("__init__", "curves", "runtime")
"""Modules in ``stages`` that are no stage themselves."""


def closures() -> dict[str, set[str]]:
    """Files, relative to the root, that each stage runs; by the name of its module in ``stages``."""
    graph = grimp.build_graph("graft", "stages", cache_dir=None)
    scripts = [file.stem for file in (ROOT / "stages").glob("*.py") if file.stem not in SHARED]
    found: dict[str, set[str]] = {}
    for script in scripts:
        module = f"stages.{script}"
        modules = {module} | graph.find_upstream_modules(module)
        files = {file for name in modules for file in _files(name)}
        found[script] = files | {CONSTRAINTS}
    return found


def declared() -> dict[str, set[str]]:
    """Code that dvc.yaml declares: dependencies that no stage makes."""
    stages: dict[str, Any] = YAML(typ="safe").load(DVC_YAML.read_text())["stages"]
    return {
        name.replace("-", "_"): {dep for dep in stage.get("do", stage)["deps"] if is_code(dep)}
        for name, stage in stages.items()
    }


def is_code(dependency: str) -> bool:
    """Tell code from what stages make or people write."""
    return not dependency.startswith(("data/", "models/", "reports/", "corrections.csv"))


def _files(module: str) -> set[str]:
    """A module's file, the data beside it under its own stem, and the packages it lies in."""
    path = ROOT / module.replace(".", "/")
    files = set(path.parent.glob(f"{path.name}.*")) if not path.is_dir() else {path / "__init__.py"}
    package = path.parent
    while package != ROOT:
        files.add(package / "__init__.py")
        package = package.parent
    return {file.relative_to(ROOT).as_posix() for file in files if file.suffix != ".pyc"}


def write() -> None:
    """Replace the code dependencies in dvc.yaml, everything else left as it is."""
    yaml = YAML()
    yaml.width = 120
    yaml.preserve_quotes = True
    document = yaml.load(DVC_YAML.read_text())
    found = closures()
    for name, stage in document["stages"].items():
        body = stage.get("do", stage)
        made = sorted(dep for dep in body["deps"] if not is_code(dep))
        body["deps"] = made + sorted(found[name.replace("-", "_")])
    with DVC_YAML.open("w") as file:
        yaml.dump(document, file)


if __name__ == "__main__":
    if "--write" not in sys.argv:
        sys.exit(__doc__)
    write()
