"""What a project of one's own consists of: the files of graft's repository, made to fit an installed graft."""

import ast
from functools import cache
from importlib.metadata import packages_distributions
from io import StringIO
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML

from graft import __version__
from graft.apps.new import TEMPLATE
from graft.core.installed import RECORD, ROOT, combined, parts
from graft.core.params import parse_yaml
from graft.labels.corrections import COLUMNS

NOT_RECORDED = {
    *("graft", "stages"),  # they have digests
    *("aiohttp", "fsspec", "huggingface_hub", "tenacity"),  # they fetch what a digest proves
    *("filelock", "psutil", "scmrepo", "tqdm"),  # they lock, watch and count
    # extras bring them, so that they differ between machines of one project
    *("pyarrow", "openvino", "nncf", "coremltools", "dask", "distributed", "ray", "mlflow", "tensorboard"),
}
"""Modules that stages import and whose versions change no output."""

HEADER = f"""\
The pipeline, as DVC reads it. Each stage depends on its data, on its own script and, by the digest in
{RECORD}, on the installed code and the libraries that it runs. `graft upgrade` brings {RECORD} up to date, and
this file and the scripts as long as you have not edited them.
"""


def project_files() -> dict[str, str]:
    """Text of each file that `graft upgrade` brings up to date, by its path in the project."""
    patterns = (".dvc/.gitignore", ".dvc/plots/*.json", ".dvcignore", ".gitignore", "docs/parameters.md", "stages/*.py")
    copied = sorted(file for pattern in patterns for file in TEMPLATE.glob(pattern))
    texts = {file.relative_to(TEMPLATE).as_posix(): file.read_text(encoding="utf-8") for file in copied}
    return {"dvc.yaml": _pipeline()} | texts


def own_files(name: str) -> dict[str, str]:
    """Text of each file that belongs to the user from the start, by its path in the project called `name`."""
    readme = Path(__file__).with_name("README.md").read_text(encoding="utf-8")
    return {
        "README.md": readme.format(name=name, version=__version__),
        "params.yaml": (TEMPLATE / "params.yaml").read_text(encoding="utf-8"),
        "corrections.csv": f"{','.join(COLUMNS)}\n",
        ".dvc/config": (TEMPLATE / ".dvc/config").read_text(encoding="utf-8"),
    }


def record(files: dict[str, str]) -> dict[str, Any]:
    """Make what `graft.core.installed` reads, for these digests of the project's files."""
    closures = _closures()
    found = parts({name for names in closures.values() for name in names})
    return {
        "about": "Written by `graft new` and `graft upgrade`: the installed code of each stage. DVC compares `code`.",
        "graft": __version__,
        "code": {stage: combined({name: found[name] for name in names}) for stage, names in closures.items()},
        "closure": {stage: " ".join(names) for stage, names in closures.items()},
        "parts": found,
        "files": files,
    }


@cache
def _pipeline() -> str:
    """dvc.yaml, with a digest in code.json in place of folders of graft and versions of libraries."""
    yaml, text = YAML(), StringIO()
    yaml.preserve_quotes, yaml.width = True, 120
    document = yaml.load((TEMPLATE / "dvc.yaml").read_text(encoding="utf-8"))
    for name, stage in document["stages"].items():
        for item in stage.get("foreach", {}).values():
            del item["code"]
        body = stage.get("do", stage)
        for place in reversed(range(len(body["deps"]))):
            if _is_core(body["deps"][place]) or body["deps"][place] == "constraints.txt":
                del body["deps"][place]
        body["params"].append({RECORD.name: [f"code.{name}@${{key}}" if "foreach" in stage else f"code.{name}"]})
    document.yaml_set_start_comment(HEADER)
    yaml.dump(document, text)
    return "".join(f"{line.rstrip()}\n" for line in text.getvalue().splitlines())


def _is_core(dependency: str) -> bool:
    return dependency.startswith("graft/") or dependency == "${item.code}"


@cache
def _closures() -> dict[str, list[str]]:
    """Rooms of graft that each stage depends on, as dvc.yaml declares them, and libraries that its code imports."""
    distributions, found = packages_distributions(), {}
    for name, stage in parse_yaml((TEMPLATE / "dvc.yaml").read_text(encoding="utf-8"))["stages"].items():
        deps = stage.get("do", stage)["deps"]
        for key, item in stage.get("foreach", {"": {}}).items():
            core = sorted({item.get("code", "") if dep == "${item.code}" else dep for dep in deps if _is_core(dep)})
            files = [file for room in core for file in (ROOT / room).rglob("*.py")]
            files += [TEMPLATE / dep for dep in deps if dep.startswith("stages/")]
            names = {name for file in files for name in _imported(file)} - NOT_RECORDED
            libraries = sorted({library for name in names for library in distributions.get(name, ())})
            found[f"{name}@{key}" if key else name] = [*core, *libraries]
    return found


@cache
def _imported(file: Path) -> set[str]:
    """Top-level names of the modules that a file imports, wherever in it."""
    nodes = list(ast.walk(ast.parse(file.read_text(encoding="utf-8"))))
    names = [alias.name for node in nodes if isinstance(node, ast.Import) for alias in node.names]
    names += [node.module for node in nodes if isinstance(node, ast.ImportFrom) and node.module and not node.level]
    return {name.partition(".")[0] for name in names}
