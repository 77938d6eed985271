"""The examples that ask a server."""

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from graft.serve.settings import Settings
from tests.examples.made import ROOT
from tests.serve.made import Colours, live, picture

TOKEN = "example-token"


@pytest.fixture(scope="module")
def port() -> Iterator[int]:
    with live(Colours(abstain_below=0.5).as_predictor, Settings(token=TOKEN)) as port:
        yield port


@pytest.fixture
def files(tmp_path: Path) -> list[str]:
    for name, data in {"red.png": picture("red"), "grey.png": picture("grey"), "notes.txt": b"notes"}.items():
        (tmp_path / name).write_bytes(data)
    return [str(tmp_path / name) for name in ("red.png", "grey.png", "notes.txt")]


def run(*command: str, **env: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        command, cwd=ROOT, env=os.environ | env, capture_output=True, text=True, check=False, timeout=30
    )


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


@pytest.mark.skipif(shutil.which("curl") is None, reason="curl is not installed")
def test_curl(port: int, files: list[str]) -> None:
    script, server = "examples/curl/predict.sh", f"http://127.0.0.1:{port}"
    one = run(script, files[0], SERVER=server, GRAFT_TOKEN=TOKEN)
    assert one.returncode == 0, one.stderr
    assert '"label":"red"' in one.stdout
    several = run(script, *files, SERVER=server, GRAFT_TOKEN=TOKEN)
    assert several.stdout.count('"file":') == 3
    refused = run(script, files[0], SERVER=server, GRAFT_TOKEN="")
    assert refused.returncode != 0
    assert '"status":401' in refused.stdout
