"""The server is this machine's alone, says where it is, and what it lacks."""

import re
from pathlib import Path
from typing import Any

import pytest
import uvicorn

from graft.apps.review.server import listen, serve
from graft.core import params
from graft.core.errors import DataError, GraftError
from tests.apps.review.made import project


@pytest.fixture
def values(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """Params of a project, in whose folder we are."""
    monkeypatch.chdir(project(tmp_path))
    return params.load(Path("params.yaml"))


def test_the_address_is_told_and_only_loopback_listens(values: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    bound: list[tuple[str, int]] = []
    said: list[str] = []
    monkeypatch.setattr(uvicorn.Server, "run", lambda _, sockets: bound.extend(door.getsockname() for door in sockets))
    serve(values, 0, said.append)
    ((host, port),) = bound
    assert host == "127.0.0.1"
    assert re.fullmatch(rf"4 cases, 4 of them open: http://127\.0\.0\.1:{port}/\?token=[\w-]{{32}}", said[0])
    assert said[1].endswith("then run `dvc repro`")


def test_a_port_that_is_taken_is_said() -> None:
    with listen(0) as door:
        door.listen()
        port = door.getsockname()[1]
        with pytest.raises(GraftError, match=rf"^--port {port} cannot be used \(.*\); leave it out to take"):
            listen(port)


def test_nothing_to_review_and_damage_are_said_before_serving(values: dict[str, Any]) -> None:
    Path("corrections.csv").write_text("path\n")
    with pytest.raises(DataError, match="its columns are path; they must be path, label, note"):
        serve(values, 0, print)
    Path("reports/evaluate/review.csv").unlink()
    with pytest.raises(DataError, match=r"evaluate.review is 0, so nothing was looked for; set it, such as to 60"):
        serve(values | {"evaluate": values["evaluate"] | {"review": 0}}, 0, print)
    with pytest.raises(DataError, match="nothing was found to review yet"):
        serve(values, 0, print)
