"""The command is this machine's alone, prints where it is, and what it lacks."""

import re
from pathlib import Path

import pytest
import uvicorn
from typer.testing import CliRunner

from graft.apps import cli
from graft.apps.review.server import listen, review
from graft.core.errors import DataError, GraftError
from tests.apps.review import unlabelled
from tests.apps.review.project import project


@pytest.fixture(autouse=True)
def inside_a_project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(project(tmp_path))


def test_the_address_is_printed_and_only_loopback_listens(monkeypatch: pytest.MonkeyPatch) -> None:
    bound: list[tuple[str, int]] = []
    monkeypatch.setattr(uvicorn.Server, "run", lambda _, sockets: bound.extend(one.getsockname() for one in sockets))
    done = CliRunner().invoke(cli.app, ["review"])
    ((host, port),) = bound
    assert host == "127.0.0.1"
    first, second = done.output.splitlines()
    assert re.fullmatch(rf"4 cases, 4 of them open: http://127\.0\.0\.1:{port}/\?token=[\w-]{{32}}", first)
    assert second.endswith("then run `dvc repro`")
    assert CliRunner().invoke(cli.app, ["review", "--port", str(port)]).exit_code == 0
    assert bound[1] == bound[0]
    assert CliRunner().invoke(cli.app, ["review", "--port", "70000"]).exit_code == 2


def test_pictures_without_a_label_are_counted_and_served(
    tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(unlabelled.project(tmp_path_factory.mktemp("label")))
    served: list[int] = []
    monkeypatch.setattr(uvicorn.Server, "run", lambda _, sockets: served.append(len(sockets)))
    for options in ([], ["--random"], ["--count", "500"]):
        done = CliRunner().invoke(cli.app, ["label", *options])
        assert done.exit_code == 0, done.output
        first, second = done.output.splitlines()
        assert re.fullmatch(r"27 pictures without a label: http://127\.0\.0\.1:\d+/\?token=[\w-]{32}", first)
        assert second.endswith("then run `dvc repro`")
    params = Path("params.yaml")
    params.write_text(re.sub(r"(?m)^  by: group.*", "  by: column", params.read_text()))
    assert CliRunner().invoke(cli.app, ["label"]).output.startswith("warning: split.by is column, which puts 27 of")
    assert served == [1] * 4
    assert CliRunner().invoke(cli.app, ["label", "--count", "0"]).exit_code == 2


def test_a_port_that_is_taken_is_refused() -> None:
    with listen(0) as listener:
        listener.listen()
        port = listener.getsockname()[1]
        with pytest.raises(GraftError, match=rf"^--port {port} cannot be used \(.*\); leave it out to take"):
            review(port)


def test_damage_and_nothing_to_review_are_reported_before_serving() -> None:
    Path("corrections.csv").write_text("path\n")
    with pytest.raises(DataError, match="its columns are path; they must be path, label, note"):
        review(0)
    Path("reports/report/review.csv").unlink()
    with pytest.raises(DataError, match="nothing was found to review yet"):
        review(0)
    params = Path("params.yaml")
    params.write_text(re.sub(r"(?m)^  review: \d+", "  review: 0", params.read_text()))
    with pytest.raises(DataError, match=r"report.review is 0, so nothing was looked for; set it, such as to 60"):
        review(0)
