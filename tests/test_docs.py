"""What the documentation names exists: links, paths, keys, commands, figures."""

import os
import re
import shlex
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest
import typer.main
from PIL import Image
from ruamel.yaml import YAML

from docs.parameters import PAGE, keys, page
from graft.apps.check import MODELS
from graft.apps.cli import app
from graft.core.params import flattened

ROOT = Path(__file__).parent.parent
GUIDES = sorted([*ROOT.glob("docs/*.md"), *(ROOT / name for name in ("README.md", "CONTRIBUTING.md", "SECURITY.md"))])
LINKED = [*GUIDES, ROOT / "CHANGELOG.md", ROOT / "examples/README.md"]


def named(file: Path) -> str:
    return file.relative_to(ROOT).as_posix()


def prose(file: Path) -> str:
    """A page without its code blocks."""
    return re.sub(r"^```.*?^```$", "", file.read_text(encoding="utf-8"), flags=re.MULTILINE | re.DOTALL)


def blocks(file: Path, language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```$", file.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)


def anchors(file: Path) -> set[str]:
    """The fragments of a page's headings, as GitHub and MkDocs make them."""
    headings = re.findall(r"^#+ (.+)$", prose(file), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("file", LINKED, ids=named)
def test_relative_links_lead_somewhere(file: Path) -> None:
    for target in re.findall(r"\]\(([^)\s]+)\)", prose(file)):
        if "://" not in target:
            path, _, anchor = target.partition("#")
            found = (file.parent / path).resolve() if path else file
            assert found.exists(), target
            assert not anchor or anchor in anchors(found), target


@pytest.mark.parametrize("file", GUIDES, ids=named)
def test_paths_of_the_project_exist(file: Path) -> None:
    folders = "graft|stages|tests|benchmarks|docs|presets|examples"
    for path in re.findall(rf"`((?:{folders})/[^`\s*]*)`", prose(file)):
        assert (ROOT / path).exists(), path


@pytest.mark.parametrize("file", GUIDES, ids=named)
def test_keys_of_the_parameters_exist(file: Path) -> None:
    known = keys()
    for key in re.findall(r"`([a-z]\w*(?:\.\w+)+)\b[^`]*`", prose(file)):
        if key.split(".")[0] in MODELS and not key.endswith(".txt"):  # labels.txt is a file
            assert key in known, key


@pytest.mark.parametrize("file", GUIDES, ids=named)
def test_examples_of_parameters_hold_known_keys(file: Path) -> None:
    known = keys()
    sections = {key.rpartition(".")[0] for key in known}
    for block in blocks(file, "yaml"):
        for key in flattened(YAML(typ="safe").load(block)):
            above = key.rpartition(".")[0]
            assert key in known or (above in known and above not in sections), key  # what a mapping holds is free


def test_rooms_are_listed_in_the_order_of_imports() -> None:
    listed = re.findall(r"^\| `graft/(\w+)` \|", prose(ROOT / "docs/architecture.md"), re.MULTILINE)
    contracts = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]["contracts"]
    layers = next(contract["layers"] for contract in contracts if contract["type"] == "layers")
    assert listed == [name.removeprefix("graft.") for name in reversed(layers) if name != "graft.__main__"]


def commands() -> Iterator[tuple[str, str]]:
    for file in GUIDES:
        for block in blocks(file, "console"):
            yield from ((named(file), line) for line in block.splitlines() if line)
        yield from ((named(file), line) for line in re.findall(r"`((?:graft|make) [^`]+)`", prose(file)))


@pytest.mark.parametrize(("file", "line"), list(commands()))
def test_commands_exist(file: str, line: str) -> None:
    program, *words = shlex.split(line, comments=True)
    if Path(program).name == "graft":
        graft = typer.main.get_command(app)
        command = graft.commands[words[0]] if words[0][0] != "-" else graft  # type: ignore[attr-defined]
        known = {option for param in command.params for option in param.opts} | {"--help"}
        assert {word.partition("=")[0] for word in words if word.startswith("--")} <= known, f"{file}: {line}"
    elif program == "make":
        assert re.search(rf"^{words[0]}:", (ROOT / "Makefile").read_text(), re.MULTILINE), f"{file}: {line}"
    elif words[:1] == ["-m"]:
        assert (ROOT / f"{words[1].replace('.', '/')}.py").is_file() or words[1] == "pytest", f"{file}: {line}"


PYTHON = [(named(file), block) for file in GUIDES for block in blocks(file, "python")]


@pytest.mark.slow
@pytest.mark.parametrize(("file", "block"), PYTHON, ids=[f"{file} {number}" for number, (file, _) in enumerate(PYTHON)])
def test_python_runs_in_a_process_of_its_own(file: str, block: str, tmp_path: Path) -> None:
    """Where a bundle with timm's folder lies in its usual place, and the images that the pages name."""
    # late: the other tests here need no torch
    from graft.export import formats
    from graft.images.decode import Square
    from graft.tasks import Decision
    from tests.export import tiny_bundle

    description = tiny_bundle.DESCRIPTION
    network, bundle = tiny_bundle.network(description), tmp_path / "models/export"
    bundle.mkdir(parents=True)
    tiny_bundle.write_tiny_bundle(bundle, network, description, 32)
    formats.write("timm", bundle / "timm", formats.Exported(network, description, Square(32), Decision()))
    for name in re.findall(r"[\w-]+\.(?:png|jpg)", block):
        Image.new("RGB", (40, 30), "red").save(tmp_path / name)
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        [sys.executable, "-c", block], cwd=tmp_path, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, f"{file}: {done.stderr}"


@pytest.mark.parametrize("measured", sorted(ROOT.glob("benchmarks/*.md")), ids=named)
def test_benchmarks_are_those_measured_last(measured: Path) -> None:
    """Every row of a benchmark's table stands on the page; columns may be named otherwise there."""
    told = set((ROOT / "docs/benchmarks.md").read_text(encoding="utf-8").splitlines())
    lines = measured.read_text(encoding="utf-8").splitlines()
    heads = {number + step for number, line in enumerate(lines) if line.startswith("|---") for step in (-1, 0)}
    assert {line for number, line in enumerate(lines) if line.startswith("|") and number not in heads} <= told


def test_page_of_parameters_is_current() -> None:
    assert PAGE.read_text(encoding="utf-8") == page(), "run `python -m docs.parameters`"


def test_every_parameter_has_a_meaning() -> None:
    rows = [line for line in page().splitlines() if line.startswith("| `")]
    assert [row for row in rows if row.endswith("|  |")] == []


def test_readme_is_short() -> None:
    assert (ROOT / "README.md").stat().st_size < 9_000
