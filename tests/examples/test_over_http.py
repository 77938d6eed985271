"""The examples that ask a server."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from graft.apps.serve.config import Settings
from graft.predict.predictor import Predictor
from tests.apps.serve.colours import Colours, colour_bundle
from tests.apps.serve.colours import image_bytes as image
from tests.apps.serve.live import live
from tests.examples.recipe_images import ROOT

TOKEN = "example-token"
ODD = ("red, or;type=x.png", 'a "grey" \\ one.png', "notes;.txt")
"""Names that curl would read more out of."""


@pytest.fixture(scope="module")
def port() -> Iterator[int]:
    with live(Colours(abstain_below=0.5).as_predictor, Settings(token=TOKEN)) as port:
        yield port


@pytest.fixture
def files(tmp_path: Path) -> list[str]:
    for name, data in {"red.png": image("red"), "grey.png": image("grey"), "notes.txt": b"notes"}.items():
        (tmp_path / name).write_bytes(data)
    return [str(tmp_path / name) for name in ("red.png", "grey.png", "notes.txt")]


def run(*command: str, **env: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(command, cwd=ROOT, env=os.environ | env, capture_output=True, text=True, check=False)


def test_python(port: int, files: list[str]) -> None:
    script, server = "examples/python/over_http.py", f"http://127.0.0.1:{port}"
    done = run(sys.executable, script, server, *files, GRAFT_TOKEN=TOKEN)
    assert done.returncode == 0, done.stderr
    red, grey, notes = done.stdout.splitlines()
    assert red == "red.png: red (99.3%)"
    assert grey == "grey.png: not sure (33.3%)"
    assert notes.startswith("notes.txt: not a picture in a format that is read")
    refused = run(sys.executable, script, server, *files, GRAFT_TOKEN="wrong")
    assert (refused.returncode, refused.stderr) == (
        1,
        "401: this server wants its token, in the header Authorization: Bearer TOKEN\n",
    )


def test_python_where_any_number_of_classes_may_hold(files: list[str], tmp_path: Path) -> None:
    several = Predictor(colour_bundle(tmp_path / "bundle", multi_label=True))
    with live(several, Settings()) as port:
        done = run(sys.executable, "examples/python/over_http.py", f"http://127.0.0.1:{port}", *files[:2])
    assert done.stdout.splitlines() == ["red.png: red (94.7%)", "grey.png: no class (45.6%)"]


@pytest.mark.skipif(shutil.which("curl") is None, reason="curl is not installed")
def test_curl(port: int, files: list[str], tmp_path: Path) -> None:
    script, server = "examples/curl/predict.sh", f"http://127.0.0.1:{port}"
    one = run(script, files[0], SERVER=server, GRAFT_TOKEN=TOKEN)
    assert one.returncode == 0, one.stderr
    assert '"label":"red"' in one.stdout
    several = run(script, *files, SERVER=server, GRAFT_TOKEN=TOKEN)
    assert several.stdout.count('"file":') == 3
    odd = [Path(file).rename(tmp_path / name) for file, name in zip(files, ODD, strict=True)]
    answers = json.loads(run(script, *map(str, odd), SERVER=server, GRAFT_TOKEN=TOKEN).stdout)["pictures"]
    assert [answer["label"] for answer in answers] == ["red", None, None]
    refused = run(script, str(odd[0]), SERVER=server, GRAFT_TOKEN="")
    assert refused.returncode != 0
    assert '"status":401' in refused.stdout
