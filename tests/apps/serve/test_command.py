"""The options of `graft serve` reach the server, in its units."""

from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from graft.apps import cli
from graft.apps.serve import server
from graft.apps.serve.config import Settings, SettingsError
from graft.predict.predictor import Predictor
from tests.apps.serve.made import CLASSES, colour_bundle


@pytest.fixture
def ran(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """What `graft serve` would have run."""
    given: list[Any] = []
    monkeypatch.setattr(server, "run", lambda *words: given.extend(words))
    for name in ("GRAFT_TOKEN", "GRAFT_PORT"):
        monkeypatch.delenv(name, raising=False)
    return given


def test_without_options_it_has_the_defaults_and_listens_to_this_machine_alone(tmp_path: Path, ran: list[Any]) -> None:
    done = CliRunner().invoke(cli.app, ["serve", str(colour_bundle(tmp_path))])
    assert (done.exit_code, done.output) == (0, "")
    predictor, *others = ran
    assert isinstance(predictor, Predictor)
    assert predictor.classes == CLASSES
    assert others == [Settings(), "127.0.0.1", 8000, False]


def test_options_are_brought_to_bytes_and_seconds(tmp_path: Path, ran: list[Any]) -> None:
    options = {
        "--host": "0.0.0.0",
        "--port": "9000",
        "--max-body": "2",
        "--max-memory": "20",
        "--max-pixels": "1000000",
        "--max-files": "3",
        "--max-queue": "5",
        "--max-batch": "4",
        "--max-wait": "2.5",
        "--max-connections": "9",
        "--timeout": "7",
        "--read-timeout": "6",
        "--decoders": "1",
    }
    words = [word for pair in options.items() for word in pair]
    command = ["serve", str(colour_bundle(tmp_path)), *words, "--access-log"]
    done = CliRunner().invoke(cli.app, command, env={"GRAFT_TOKEN": "secret"})
    assert (done.exit_code, done.output) == (0, "")
    wanted = Settings(
        max_body=2 * 2**20,
        max_memory=20 * 2**20,
        max_pixels=1_000_000,
        max_files=3,
        max_queue=5,
        max_batch=4,
        max_wait=0.0025,
        max_connections=9,
        timeout=7,
        read_timeout=6,
        decoders=1,
        token="secret",
    )
    assert ran[1:] == [wanted, "0.0.0.0", 9000, True]


def test_it_warns_when_anyone_may_use_it(tmp_path: Path, ran: list[Any]) -> None:
    done = CliRunner().invoke(cli.app, ["serve", str(colour_bundle(tmp_path)), "--host", "0.0.0.0"])
    assert ran[2] == "0.0.0.0"
    assert "whoever reaches this address may use the classifier; GRAFT_TOKEN asks for a token" in done.output


def test_an_empty_token_is_not_taken_for_none(tmp_path: Path, ran: list[Any]) -> None:
    for words, env in (([], {"GRAFT_TOKEN": ""}), (["--token", ""], {})):
        done = CliRunner().invoke(cli.app, ["serve", str(colour_bundle(tmp_path)), *words], env=env)
        assert isinstance(done.exception, SettingsError)
        assert "empty" in str(done.exception)
    assert ran == []


def test_the_port_may_be_said_in_the_environment(tmp_path: Path, ran: list[Any]) -> None:
    CliRunner().invoke(cli.app, ["serve", str(colour_bundle(tmp_path))], env={"GRAFT_PORT": "9000"})
    assert ran[3] == 9000


def test_the_predictor_is_told_how(tmp_path: Path, ran: list[Any]) -> None:
    words = ["--threshold", "0.9", "--threads", "1"]
    done = CliRunner().invoke(cli.app, ["serve", str(colour_bundle(tmp_path)), *words])
    assert (done.exit_code, ran[0].abstain_below) == (0, 0.9)
    done = CliRunner().invoke(cli.app, ["serve", str(tmp_path), "--precision", "int8"])
    assert "has no precision 'int8'" in str(done.exception)


def test_the_help_shows_the_defaults() -> None:
    said = " ".join(CliRunner().invoke(cli.app, ["serve", "--help"], env={"COLUMNS": "200"}).output.split())
    for shown in ("[default: 32000000]", "[default: 256]", "[default: 4.0]", "[default: 30.0]", "[default: 20.0]"):
        assert shown in said
