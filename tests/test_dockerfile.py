"""The image holds the server and nothing more, pinned, for a user who is not root; no engine runs here."""

import json
import re
import shlex
import tomllib
from collections.abc import Iterable
from importlib.metadata import distribution
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from graft.apps.serve.config import Settings
from graft.apps.serve.server import GRACE, PORT

ROOT = Path(__file__).resolve().parents[1]
LINES = re.sub(r"\\\n\s*", "", (ROOT / "Dockerfile").read_text()).splitlines()
STEPS = [line.split(maxsplit=1) for line in LINES if line and not line.startswith("#")]


def steps(kind: str) -> list[str]:
    return [words for name, words in STEPS if name == kind]


def closure(wanted: Iterable[str]) -> set[str]:
    """Names of all packages that some requirements bring, on this platform."""
    own = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    found: set[tuple[str, frozenset[str]]] = set()
    left = [Requirement(text) for text in wanted]
    while left:
        requirement = left.pop()
        name, extras = canonicalize_name(requirement.name), frozenset(requirement.extras)
        if (name, extras) in found:
            continue
        found.add((name, extras))
        if name == "graft-vision":
            texts = own["dependencies"] + [text for extra in extras for text in own["optional-dependencies"][extra]]
        else:
            texts = distribution(name).requires or []
        for needed in map(Requirement, texts):
            marked = needed.marker
            if marked is None or any(marked.evaluate({"extra": extra}) for extra in ("", *extras)):
                left.append(needed)
    return {name for name, _ in found} - {"graft-vision"}


def test_every_package_is_pinned_and_none_is_of_the_training() -> None:
    (run,) = steps("RUN")
    install = shlex.split(run.partition("&&")[2])
    assert install[:2] == ["/venv/bin/pip", "install"]
    files = [install[place + 1] for place, word in enumerate(install) if word == "-c"]
    assert "constraints.txt" in files
    pinned = {
        canonicalize_name(line.partition("==")[0]) for file in files for line in (ROOT / file).read_text().splitlines()
    }
    assert install[-1] == ".[serve]"
    needed = closure(["graft-vision[serve]"])
    assert {"fastapi", "uvicorn", "onnxruntime", "pillow", "starlette", "h11"} <= needed
    assert needed - pinned == set()
    assert not needed & {"torch", "torchvision", "timm", "pandas", "scipy", "dvc", "onnx"}


def test_it_runs_as_nobody_in_particular() -> None:
    (user,) = steps("USER")
    assert re.fullmatch(r"[1-9]\d{3,}:[1-9]\d{3,}", user)
    names = [name for name, _ in STEPS]
    last = len(names) - names[::-1].index("FROM")
    assert names.index("USER") > last
    assert "RUN" not in names[last:]


def test_it_starts_the_server_itself_so_that_it_hears_sigterm() -> None:
    (entry,) = map(json.loads, steps("ENTRYPOINT"))
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert entry[0] in project["scripts"]
    (bundle,) = [words.split()[-1] for words in steps("COPY") if words.startswith("--from=bundle")]
    assert entry[1:] == ["serve", bundle, "--host", "0.0.0.0"]


def test_it_looks_after_its_health_on_the_port_it_listens_to(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []
    monkeypatch.setattr("urllib.request.urlopen", lambda address, timeout: asked.append(address))
    (health,), (exposed,) = steps("HEALTHCHECK"), steps("EXPOSE")
    (own,) = [word.partition("=")[2] for words in steps("ENV") for word in words.split() if word.startswith(PORT)]
    for port in (own, "9000"):
        monkeypatch.setenv(PORT, port)
        exec(json.loads(health.partition("CMD ")[2])[2], {})
    assert asked == [f"http://127.0.0.1:{exposed}/health", "http://127.0.0.1:9000/health"]


def test_another_bundle_can_take_the_place_of_the_one_sent() -> None:
    assert "scratch AS bundle" in steps("FROM")  # which docker build --build-context bundle=PATH overwrites
    assert steps("ARG") == []


def test_it_is_given_the_time_to_stop() -> None:
    (given,) = re.findall(r"--stop-timeout (\d+)", (ROOT / "Dockerfile").read_text())
    assert int(given) > Settings().timeout + GRACE


def test_only_what_is_copied_is_sent_to_the_engine() -> None:
    ignored = (ROOT / ".dockerignore").read_text().splitlines()
    assert ignored[0] == "*"
    sent = {line[1:] for line in ignored if line.startswith("!")}
    copied = {name for words in steps("COPY") if not words.startswith("--from") for name in words.split()[:-1]}
    assert sent == copied
