"""What the code imports, pyproject.toml declares."""

import sys
import tomllib
from importlib.metadata import packages_distributions
from pathlib import Path

import grimp
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).resolve().parents[1]


def test_every_package_that_is_imported_is_declared() -> None:
    graph = grimp.build_graph("graft", "stages", include_external_packages=True, cache_dir=None)
    tops = {module.partition(".")[0] for module in graph.modules} - {"graft", "stages"} - sys.stdlib_module_names
    distributions = packages_distributions()
    # what only a rarer extra brings may not be installed: then it is taken to be called as it is imported
    imported = {top: {canonicalize_name(name) for name in distributions.get(top, [top])} for top in tops}
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    extras = [texts for extra, texts in project["optional-dependencies"].items() if extra != "dev"]
    declared = {
        canonicalize_name(Requirement(text).name) for texts in (project["dependencies"], *extras) for text in texts
    }
    assert {"torch", "uvicorn", "starlette"} <= imported.keys()
    assert [top for top, names in sorted(imported.items()) if not names & declared] == []
