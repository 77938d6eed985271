"""The command hands its port on, and says what is missing in one line."""

import shutil
import sys
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from graft.apps import cli
from graft.apps.review import server

ROOT = Path(__file__).resolve().parents[3]


@pytest.fixture(autouse=True)
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shutil.copy(ROOT / "params.yaml", tmp_path)
    monkeypatch.chdir(tmp_path)


def test_the_port_is_handed_on(monkeypatch: pytest.MonkeyPatch) -> None:
    given: list[tuple[Any, int]] = []
    monkeypatch.setattr(server, "serve", lambda values, port, say: given.append((values["labels"]["rule"], port)))
    assert CliRunner().invoke(cli.app, ["review", "--port", "8123"]).exit_code == 0
    assert CliRunner().invoke(cli.app, ["review"]).exit_code == 0
    assert [port for _, port in given] == [8123, 0]
    assert CliRunner().invoke(cli.app, ["review", "--port", "70000"]).exit_code == 2


def test_before_a_run_there_is_nothing_to_review(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "argv", ["graft", "review"])
    with pytest.raises(SystemExit, match=r"^graft: reports/evaluate/review.csv is absent: nothing was found to review"):
        cli.run()
