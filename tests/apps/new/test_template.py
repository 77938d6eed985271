"""A project's pipeline is graft's own, with digests in place of code."""

import re
import tomllib
from pathlib import Path
from typing import Any

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from graft import __version__
from graft.apps.new import TEMPLATE, template
from graft.core.installed import combined

ROOT = Path(__file__).resolve().parents[3]
OURS = yaml.safe_load((ROOT / "dvc.yaml").read_text())


@pytest.fixture(scope="module")
def files() -> dict[str, str]:
    return template.project_files()


@pytest.fixture(scope="module")
def theirs(files: dict[str, str]) -> Any:
    return yaml.safe_load(files["dvc.yaml"])


@pytest.fixture(scope="module")
def record() -> dict[str, Any]:
    return template.record({"dvc.yaml": "1"})


def body(stage: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = stage.get("do", stage)
    return found


@pytest.mark.parametrize("name", OURS["stages"])
def test_a_stage_depends_on_its_digest_and_on_no_folder_of_code(theirs: Any, record: Any, name: str) -> None:
    ours, stage = body(OURS["stages"][name]), body(theirs["stages"][name])
    *params, digest = stage["params"]
    assert params == ours["params"]
    rest = ("data/", "models/", "reports/", "stages/", "corrections.csv")
    assert stage["deps"] == [dep for dep in ours["deps"] if dep.startswith(rest)]
    assert ours | {"deps": [], "params": []} == stage | {"deps": [], "params": []}
    (key,) = digest["code.json"]
    items = theirs["stages"][name].get("foreach", {"": {}})
    assert all(key.replace("${key}", item).removeprefix("code.") in record["code"] for item in items)


def test_what_is_not_a_stage_stays(theirs: Any) -> None:
    assert theirs | {"stages": {}} == OURS | {"stages": {}}
    assert theirs["stages"]["download"]["foreach"]["dataset"] == {"params": "source", "out": "data/raw"}


def test_the_file_reads_as_one_written_by_hand(files: dict[str, str]) -> None:
    lines = files["dvc.yaml"].splitlines()
    assert lines[0].startswith("# The pipeline, as DVC reads it.")
    assert lines[3] == "stages:"
    assert "# nor lr, labels or the split: the frozen network sees every image once" in files["dvc.yaml"]
    assert [line for line in lines if line != line.rstrip() or len(line) > 120] == []


def test_a_digest_is_of_the_folders_that_graft_declares(record: Any) -> None:
    closure = record["closure"]["embed"].split()
    declared = [dep for dep in OURS["stages"]["embed"]["deps"] if dep.startswith("graft/")]
    assert [name for name in closure if "/" in name] == declared
    assert {"torch", "timm", "numpy"} <= set(closure)
    assert record["code"]["embed"] == combined({name: record["parts"][name] for name in closure})
    dataset, weights = (record["closure"][f"download@{item}"].split() for item in ("dataset", "weights"))
    assert "graft/backbone" in weights
    assert "graft/backbone" not in dataset


def test_libraries_are_those_that_every_project_has(record: Any) -> None:
    """One that only a rarer extra brings would differ between machines of one project."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    extras = [project["optional-dependencies"][extra] for extra in ("predict", "serve", "pipeline")]
    declared = {canonicalize_name(Requirement(text).name) for text in sum(extras, project["dependencies"])}
    recorded = {canonicalize_name(name) for name in record["parts"] if "/" not in name}
    assert recorded <= declared
    assert {"matplotlib", "scikit-learn", "dvclive"} <= recorded
    assert not {"tqdm", "filelock", "fsspec"} & recorded  # what they do changes no output


def test_what_is_drawn_changes_nothing_that_is_trained(record: Any) -> None:
    for name in ("matplotlib", "captum", "Jinja2", "graft/render"):
        assert name not in record["closure"]["finetune"].split()
        assert name in record["closure"]["report"].split()


def test_scripts_and_plots_are_as_they_are_here(files: dict[str, str]) -> None:
    scripts = {f"stages/{file.name}" for file in (ROOT / "stages").glob("*.py")}
    assert scripts == {name for name in files if name.startswith("stages/")}
    assert files["stages/index.py"] == (ROOT / "stages/index.py").read_text()
    assert ".dvc/plots/confusion_counts.json" in files
    assert {".dvcignore", ".gitignore", ".dvc/.gitignore"} <= files.keys()


def test_what_is_the_users_own() -> None:
    own = template.own_files("birds")
    assert own["corrections.csv"] == "path,label,note\n"
    assert own["params.yaml"] == (ROOT / "params.yaml").read_text()
    assert own["README.md"].startswith("# birds\n")
    assert f"graft {__version__}" in own["README.md"]
    assert not re.search(r"[{}]", own["README.md"])


def test_the_wheel_is_told_of_every_file() -> None:
    assert TEMPLATE == ROOT
    included = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["hatch"]["build"]["targets"]["wheel"]
    sources = included["force-include"]
    assert all(target == f"graft/apps/new/files/{source}" for source, target in sources.items())
    needed = [*template.project_files(), "params.yaml", ".dvc/config", "presets/photos.yaml"]
    assert [name for name in needed if not any(name == one or name.startswith(f"{one}/") for one in sources)] == []
