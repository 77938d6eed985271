"""What the documentation names exists: links, paths, keys, commands, figures."""

import os
import re
import shlex
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import pytest
import typer.main
from PIL import Image
from pydantic import TypeAdapter, ValidationError
from ruamel.yaml import YAML

from docs.parameters import PAGE, keys, page
from graft.apps.check import MODELS
from graft.apps.cli import app
from graft.apps.use import presets
from graft.core.params import flattened, parse_yaml

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
        if key.split(".")[0] in MODELS and not key.endswith((".txt", ".pkl")):  # labels.txt, export.pkl are files
            assert key in known, key


def settings() -> Iterator[tuple[str, str, str]]:
    """Every key with a value that a page gives in its text, or to DVC's option -S."""
    for file in GUIDES:
        for code in re.findall(r"`([^`\n]+)`", prose(file)):
            if (found := re.fullmatch(r"(\w+(?:\.\w+)*): (.+)", code)) and found[1].split(".")[0] in MODELS:
                yield named(file), found[1], found[2]
        text = file.read_text(encoding="utf-8")
        for options in re.findall(r"dvc exp run ([^`\n#]+)", text):
            words = shlex.split(options)
            for setting in (word for before, word in pairwise(words) if before == "-S"):
                key, _, value = setting.partition("=")
                yield named(file), key, value.split(",")[0] if "--queue" in words else value


@pytest.mark.parametrize(("file", "key", "value"), sorted(set(settings())))
def test_values_of_the_parameters_are_allowed(file: str, key: str, value: str) -> None:
    """What is said of the field itself; whether other keys must be set with it is not looked at."""
    assert key in keys(), f"{file}: {key}"
    assert not wrong(key, value), f"{file}: {key}: {value}"


def wrong(key: str, value: str) -> list[str]:
    """What params.yaml with this value would be refused for, of what lies at the key or below it."""
    section, *path = key.split(".")
    values = parse_yaml((ROOT / "params.yaml").read_text(encoding="utf-8"))
    holder, last = values, section
    for name in path:
        holder[last] = holder[last] or {}
        holder, last = holder[last], name
    holder[last] = parse_yaml(value)
    try:
        TypeAdapter(MODELS[section]).validate_python(values[section], strict=True)
    except ValidationError as error:
        return [problem["msg"] for problem in error.errors() if problem["loc"][: len(path)] == tuple(path)]
    return []


@pytest.mark.parametrize(
    ("key", "value", "is_wrong"),
    [
        ("lr", "3e-3", False),
        ("lr", "-1", True),
        ("finetune.keep", "head", False),
        ("finetune.keep", "best", True),
        ("augment.rotate", "fast", True),
        ("evaluate.tta", "[none, diagonal]", True),
        ("split.by", "column", False),  # split.column is missing, which is another matter
    ],
)
def test_values_that_are_not_allowed_are_found(key: str, value: str, is_wrong: bool) -> None:
    assert bool(wrong(key, value)) is is_wrong


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
        command = getattr(command, "commands", {}).get(words[1], command) if words[0] == "publish" else command
        known = {option for param in command.params for option in param.opts} | {"--help"}
        assert {word.partition("=")[0] for word in words if word.startswith("--")} <= known, f"{file}: {line}"
        for before, word in pairwise(words):
            if before == "--backbone" and not word.isupper():
                assert word in presets.names(presets.BACKBONES), f"{file}: {line}"
            if before == "use" and re.fullmatch("[a-z-]+", word) and not word.startswith("-"):
                assert word in presets.names(), f"{file}: {line}"
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
    formats.write("timm", bundle, formats.Exported(network, description, Square(32), Decision(), bundle, {}))
    for name in re.findall(r"[\w-]+\.(?:png|jpg)", block):
        Image.new("RGB", (40, 30), "red").save(tmp_path / name)
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        [sys.executable, "-c", block], cwd=tmp_path, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, f"{file}: {done.stderr}"


@pytest.mark.parametrize("measured", sorted(ROOT.glob("benchmarks/*.md")), ids=named)
def test_benchmarks_are_those_measured_last(measured: Path) -> None:
    """Every row of a benchmark's table stands on a page; columns may be named otherwise there."""
    pages = [ROOT / "docs/benchmarks.md", ROOT / "docs/scaling.md"]
    told = {line for file in pages for line in file.read_text(encoding="utf-8").splitlines()}
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
