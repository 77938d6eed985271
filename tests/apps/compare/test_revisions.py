"""Files of any revision are read, wherever git or DVC keeps them."""

import shutil
from pathlib import Path

import pytest
from dvc.repo import Repo

from graft.apps.compare.revisions import LABELS, METRICS, PARAMS, PREDICTIONS, RevisionError, open_revision
from graft.apps.compare.run import parse_predictions
from tests.apps.compare.conftest import EMPTY, WRONG, call, track


def read(root: Path, name: str, path: str = PREDICTIONS) -> bytes:
    """Read one file of a revision."""
    with open_revision(name, root) as revision:
        return revision.read(path)


def wrong(root: Path, name: str) -> int:
    """How many images a revision is wrong about, which tells the revisions apart."""
    return int((~parse_predictions(read(root, name), name).correct).sum())


@pytest.mark.parametrize(
    ("name", "run"),
    [
        ("plain", "plain"),
        ("cached", "cached"),
        ("HEAD", "cached"),
        ("HEAD~1", "plain"),
        ("main", "cached"),
        ("tried", "tried"),
        ("workspace", "cached"),
    ],
)
def test_every_kind_of_name(history: Path, name: str, run: str) -> None:
    assert wrong(history, name) == len(WRONG[run])
    assert read(history, name, LABELS).startswith(b"path,label,group\n")


def test_titles_name_the_commit(history: Path) -> None:
    commit = call(history, "git", "rev-parse", "plain")
    for name, title in (("plain", f"plain ({commit[:7]})"), (commit[:10], commit[:7]), ("workspace", "workspace")):
        with open_revision(name, history) as revision:
            assert revision.title == title


def test_the_workspace_is_as_it_lies(history: Path, tmp_path: Path) -> None:
    """Edited, not committed; and what is not there is not taken from git."""
    folder = tmp_path / "copy"
    shutil.copytree(history, folder)
    (folder / PARAMS).write_text("lr: 0.5\n")
    assert read(folder, "workspace", PARAMS) == b"lr: 0.5\n"
    assert read(folder, "HEAD", PARAMS).startswith(b"lr: 0.003\n")
    (folder / METRICS).unlink()
    with pytest.raises(
        RevisionError, match=r"the workspace has no reports/evaluate/metrics\.json; run `dvc repro evaluate`"
    ):
        read(folder, "workspace", METRICS)


def test_a_fresh_clone_reads_git_and_the_remote(history: Path, tmp_path: Path) -> None:
    """Nothing lies in its cache; nothing is checked out, or left there."""
    folder = tmp_path / "clone"
    call(tmp_path, "git", "clone", "-q", str(history), str(folder))
    assert wrong(folder, "plain") == len(WRONG["plain"])
    assert wrong(folder, "cached") == len(WRONG["cached"])
    assert not (folder / PREDICTIONS).exists()
    assert call(folder, "git", "status", "--short") == ""
    with pytest.raises(RevisionError, match="or `dvc pull` what was pushed"):
        read(folder, "workspace")


def test_what_is_neither_here_nor_in_the_remote_is_said(history: Path, tmp_path: Path) -> None:
    folder = tmp_path / "clone"
    call(tmp_path, "git", "clone", "-q", str(history), str(folder))
    (folder / ".dvc/config.local").write_text(EMPTY.format(tmp_path / "empty"))
    assert wrong(folder, "plain") == len(WRONG["plain"])
    with pytest.raises(RevisionError) as refused:
        read(folder, "cached")
    assert "lies neither in the cache nor in a remote" in str(refused.value)
    assert "`dvc pull` here, or `git checkout cached` and `dvc repro evaluate`" in str(refused.value)


def test_a_folder_that_dvc_keeps_is_out_of_reach_as_a_whole(
    history: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "copy"
    shutil.copytree(history, folder)
    call(folder, "git", "rm", "-q", "--cached", "-r", "reports")
    for rest in (folder / "reports").rglob("*.dvc"):
        rest.unlink()
    (folder / "reports/evaluate/.gitignore").unlink()
    track(folder, "reports/evaluate")
    call(folder, "git", "add", "-A")
    call(folder, "git", "commit", "-qm", "Keep the whole folder in DVC")
    assert wrong(folder, "HEAD") == len(WRONG["cached"])
    shutil.rmtree(folder / ".dvc/cache")
    (folder / ".dvc/config.local").write_text(EMPTY.format(tmp_path / "empty"))
    # where DVC remembers which files the folder held
    monkeypatch.setenv("DVC_SITE_CACHE_DIR", str(tmp_path / "site"))
    with pytest.raises(RevisionError, match="`dvc pull`"):
        read(folder, "HEAD")


def test_what_a_revision_never_had_is_said(history: Path) -> None:
    with pytest.raises(RevisionError, match=r"^plain \([0-9a-f]{7}\) has no data/split.csv: .* `dvc repro split`$"):
        read(history, "plain", "data/split.csv")


@pytest.mark.parametrize(
    ("name", "hint"),
    [
        ("plian", " (did you mean 'plain'?)"),
        ("cachd", " (did you mean 'cached'?)"),
        ("tride", " (did you mean 'tried'?)"),
        ("mian", " (did you mean 'main'?)"),
        ("workspcae", " (did you mean 'workspace'?)"),
        ("HEAD~9", "; 'HEAD' is, but has no such ancestor"),
        ("tired-of-it-all-42", ""),
        ("", ""),
    ],
)
def test_an_unknown_name_suggests_the_nearest(history: Path, name: str, hint: str) -> None:
    with pytest.raises(RevisionError) as refused:
        read(history, name)
    told = str(refused.value)
    assert told.startswith(f"{name!r} is no commit, branch, tag or experiment here")
    if hint:
        assert told.endswith(hint)


def test_a_shallow_clone_says_so(history: Path, tmp_path: Path) -> None:
    call(tmp_path, "git", "clone", "-q", "--depth", "1", history.as_uri(), "shallow")
    with pytest.raises(
        RevisionError, match="this clone is shallow, and older commits come with `git fetch --unshallow`"
    ):
        read(tmp_path / "shallow", "HEAD~1")


def test_an_experiment_of_a_name_that_several_bear(history: Path, tmp_path: Path) -> None:
    folder = tmp_path / "copy"
    shutil.copytree(history, folder)
    for baseline in (call(folder, "git", "rev-parse", "plain"), "abcd" * 10):
        call(folder, "git", "update-ref", f"refs/exps/{baseline[:2]}/{baseline[2:]}/again", "HEAD")
    with pytest.raises(RevisionError, match="'again' is the name of 2 experiments, on several commits"):
        read(folder, "again")


def test_without_git_there_is_the_workspace_only(tmp_path: Path) -> None:
    (tmp_path / PARAMS).write_text("lr: 1\n")
    assert read(tmp_path, "workspace", PARAMS) == b"lr: 1\n"
    with pytest.raises(RevisionError, match="'HEAD': no git repository here, so there is only the workspace"):
        read(tmp_path, "HEAD")
    call(tmp_path, "git", "init", "-q")
    with pytest.raises(RevisionError, match="'HEAD': nothing is committed here yet"):
        read(tmp_path, "HEAD")


def test_a_project_in_a_folder_of_its_repository(history: Path, tmp_path: Path) -> None:
    """`dvc init --subdir`: git's top is not the project's."""
    folder = tmp_path / "below" / "project"
    folder.mkdir(parents=True)
    call(tmp_path, "git", "init", "-q")
    Repo.init(str(folder), subdir=True).close()
    for path in (PREDICTIONS, METRICS, PARAMS):
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_bytes(read(history, "plain", path))
    track(folder, PREDICTIONS)
    call(tmp_path, "git", "add", "-A")
    call(tmp_path, "git", "commit", "-qm", "Begin")
    (folder / PREDICTIONS).unlink()
    assert wrong(folder, "HEAD") == len(WRONG["plain"])
    assert read(folder, "HEAD", PARAMS).startswith(b"lr: 0.001\n")
