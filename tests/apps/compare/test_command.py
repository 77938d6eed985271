"""``graft compare`` as a user calls it."""

import json
import sys
from pathlib import Path

import pandas as pd
import pytest
from typer.testing import CliRunner

from graft.apps import cli
from graft.apps.compare.revisions import LABELS, METRICS, PARAMS, PREDICTIONS
from tests.apps.compare.made_up_runs import answers, csv, labels, names


@pytest.fixture(autouse=True)
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A workspace with predictions, outside of git."""
    told = labels(60)
    for path, content in (
        (PREDICTIONS, csv(told, answers(told, range(6)))),
        (METRICS, b'{"test": {"accuracy": 0.9}}'),
        (PARAMS, b"lr: 0.001\n"),
        (LABELS, ("path,label,group\n" + "".join(f"{name},cat,\n" for name in names(60))).encode()),
    ):
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_bytes(content)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def invoke(*words: str) -> tuple[int, str, str]:
    """Exit code, what is printed, and what is said beside it."""
    done = CliRunner().invoke(cli.app, ["compare", "workspace", "workspace", *words])
    return done.exit_code, done.stdout, done.stderr


def worse(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let B forget a third of what A knows."""
    from graft.apps.compare import comparison as module
    from graft.apps.compare.comparison import Comparison, compare_runs
    from tests.apps.compare.made_up_runs import pair

    def made(*_: object) -> Comparison:
        return compare_runs(*pair(60, [], range(0, 60, 3)), None)

    monkeypatch.setattr(module, "compare_revisions", made)


def test_text_is_printed() -> None:
    code, out, err = invoke()
    assert (code, err) == (0, "")
    assert out.startswith("A  workspace\nB  workspace\n\ncan't tell: the interval holds 0")


def test_json_is_printed_alone() -> None:
    code, out, _ = invoke("--json")
    assert code == 0
    assert json.loads(out)["overall"]["a"] == 0.9


def test_markdown_is_printed_alone_or_written(project: Path) -> None:
    code, out, _ = invoke("--md", "-")
    assert (code, out.splitlines()[0]) == (0, "### workspace (A) or workspace (B)?")
    code, text, err = invoke("--md", "pr.md")
    assert (code, err) == (0, "written: pr.md\n")
    assert text.startswith("A  workspace")
    assert (project / "pr.md").read_text() == out
    assert invoke("--md", "-", "--json")[0] == 2


def test_page_and_table_are_written(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    worse(monkeypatch)
    code, _, err = invoke("--html", "out/page.html", "--csv", "out/changes.csv")
    assert (code, err) == (0, "written: out/changes.csv\nwritten: out/page.html\n")
    assert "No: B is worse" in (project / "out/page.html").read_text()
    table = pd.read_csv(project / "out/changes.csv")
    assert table["change"].tolist() == ["now wrong"] * 20


def test_the_exit_code_is_zero_unless_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    assert invoke("--fail-if-worse")[0] == 0  # can't tell
    worse(monkeypatch)
    assert invoke()[0] == 0
    code, out, _ = invoke("--fail-if-worse")
    assert code == 3
    assert "worse: the whole interval lies below 0" in out


def test_what_can_be_mended_is_said_in_a_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "argv", ["graft", "compare"])
    with pytest.raises(SystemExit) as stopped:
        cli.run()
    assert stopped.value.code == "graft: 'HEAD': no git repository here, so there is only the workspace"


@pytest.mark.slow
@pytest.mark.parametrize("option", ["--csv", "--html", "--md"])
@pytest.mark.parametrize(
    ("file", "why"),
    [
        ("data", "Is a directory"),
        ("params.yaml/out", "Not a directory"),
        (".", "'.' names no file"),
        ("x" * 300, "File name too long"),
    ],
)
def test_a_file_that_cannot_be_written_is_named(
    project: Path, monkeypatch: pytest.MonkeyPatch, option: str, file: str, why: str
) -> None:
    monkeypatch.setattr(sys, "argv", ["graft", "compare", "workspace", "workspace", option, file])
    with pytest.raises(SystemExit) as stopped:
        cli.run()
    assert stopped.value.code == f"graft: {file}: cannot be written: {why}; name another file"
    assert not list(project.rglob(".*.partial"))


def test_only_markdown_is_printed_to_a_dash(project: Path) -> None:
    code, _, err = invoke("--csv", "-")
    assert (code, (project / "-").exists()) == (2, False)
    assert "only --md prints to -" in " ".join(err.replace("│", " ").split())


def test_help_tells_the_exit_code() -> None:
    done = CliRunner().invoke(cli.app, ["compare", "--help"], env={"COLUMNS": "200"})
    assert "--fail-if-worse" in done.output
    assert "Exit with 3 when B is worse" in done.output
