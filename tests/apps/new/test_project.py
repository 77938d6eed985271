"""A new project has all that DVC and graft need, or nothing was written."""

import subprocess
from pathlib import Path

import pytest
from typer.testing import CliRunner

from graft.apps import cli
from graft.apps.new import project
from graft.core import params
from graft.core.errors import DataError, GraftError, SourceError
from tests.conftest import Draw


@pytest.fixture(autouse=True)
def identity(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Git as it is on a machine whose user said who they are, and a working folder."""
    config = tmp_path / "gitconfig"
    config.write_text("[user]\n\tname = test\n\temail = test@example.org\n")
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", str(config))
    monkeypatch.setenv("GIT_CONFIG_NOSYSTEM", "1")
    (tmp_path / "work").mkdir()
    monkeypatch.chdir(tmp_path / "work")
    return config


@pytest.fixture
def pictures(tmp_path: Path, draw: Draw) -> Path:
    folder = tmp_path / "pictures"
    for number in range(8):
        (folder / ("cat", "dog")[number % 2]).mkdir(parents=True, exist_ok=True)
        draw(number, 20, 20).save(folder / ("cat", "dog")[number % 2] / f"{number}.png")
    return folder


def git(folder: Path, *words: str) -> str:
    return subprocess.run(["git", *words], cwd=folder, capture_output=True, text=True, check=True).stdout


@pytest.mark.slow
def test_pictures_are_in_use_and_all_is_committed(pictures: Path) -> None:
    done = CliRunner().invoke(cli.app, ["new", "birds", str(pictures), "--licence", "CC0"])
    assert done.exit_code == 0, done.output
    assert done.output.splitlines()[-1] == "next: cd birds; dvc repro"
    source = params.load(Path("birds/params.yaml"))["source"]
    assert (source["uri"], source["licence"]) == (str(pictures), "CC0")
    top = {path.name for path in Path("birds").iterdir()} - {".git"}
    named = {".dvc", ".dvcignore", ".gitignore", "README.md", "code.json", "corrections.csv", "docs", "dvc.yaml"}
    assert top == named | {"params.yaml", "stages"}
    assert git(Path("birds"), "status", "--porcelain") == ""
    assert git(Path("birds"), "log", "--format=%s") == "Begin with graft new\n"


def test_only_what_was_written_is_committed(pictures: Path) -> None:
    pictures.rename("pictures")
    lines = list(project.new(Path(), "pictures", None))
    assert lines[-1] == "next: cd .; dvc repro"
    assert git(Path(), "status", "--porcelain") == "?? pictures/\n"


def test_pictures_that_cannot_be_used_leave_nothing_behind(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").touch()
    with pytest.raises(SourceError, match="birds/data/raw lie one within the other"):
        list(project.new(Path("birds"), str(tmp_path), None))
    (tmp_path / "notes").mkdir()
    (tmp_path / "notes.txt").rename(tmp_path / "notes" / "notes.txt")
    with pytest.raises(DataError, match="no file is a picture"):
        list(project.new(Path("birds"), str(tmp_path / "notes"), None))
    assert not Path("birds").exists()


def test_a_file_that_is_there_is_never_written_over() -> None:
    Path("birds").mkdir()
    Path("birds/dvc.yaml").write_text("mine")
    Path("birds/params.yaml").write_text("mine")
    with pytest.raises(GraftError, match=r"birds has dvc.yaml and 1 more files already"):
        list(project.new(Path("birds"), None, None))
    assert {path.name for path in Path("birds").iterdir()} == {"dvc.yaml", "params.yaml"}


def test_a_repository_that_is_there_is_left_to_its_owner() -> None:
    git(Path(), "init", "-q")
    Path("birds").mkdir()
    Path("birds/README.md").write_text("mine")
    lines = list(project.new(Path("birds"), None, None))
    assert any("it lies in a git repository; commit it there" in line for line in lines)
    assert lines[-1] == "next: cd birds; graft use PICTURES; dvc repro"
    assert not Path("birds/.git").exists()
    assert Path("birds/README.md").read_text() == "mine"


def test_a_commit_that_fails_is_told(identity: Path) -> None:
    identity.write_text("[user]\n\tuseConfigOnly = true\n")
    lines = list(project.new(Path("birds"), None, None))
    assert any(line.startswith("warning: git commit failed, and DVC works from a commit") for line in lines)
    assert Path("birds/code.json").is_file()


def test_without_git_nothing_begins(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    with pytest.raises(GraftError, match="git is not installed"):
        list(project.new(Path("birds"), None, None))
    assert not Path("birds").exists()
