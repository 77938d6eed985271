"""From two names to a verdict."""

from pathlib import Path

import pytest

from graft.apps.compare.changes import Changed
from graft.apps.compare.comparison import between
from graft.apps.compare.revisions import LABELS, RevisionError
from tests.apps.compare.conftest import EMPTY, call


def test_revisions_in_git_and_in_dvc_are_compared(history: Path) -> None:
    found = between("plain", "cached", history)
    assert (found.verdict.word, found.groups, found.now_right) == ("better", 30, 20)
    assert found.params == [Changed("lr", "0.001", "0.003")]
    assert [(one.name, round(one.difference or 0, 6)) for one in found.measured] == [("accuracy", 0.333333)]
    assert found.notes == []


def test_an_experiment_is_compared(history: Path) -> None:
    assert between("tried", "plain", history).verdict.word == "worse"


def test_the_workspace_as_committed_is_no_news(history: Path) -> None:
    found = between("HEAD", "workspace", history)
    assert found.verdict.word == "can't tell"
    assert found.notes == ["A and B say the same of every picture, to the last digit"]


def test_without_labels_the_groups_are_not_known(history: Path, tmp_path: Path) -> None:
    folder = tmp_path / "clone"
    call(tmp_path, "git", "clone", "-q", str(history), str(folder))
    (folder / ".dvc/config.local").write_text(EMPTY.format(tmp_path / "empty"))
    found = between("plain", "plain", folder)
    assert found.groups is None
    assert "which picture is of which group is not known" in found.verdict.reason
    assert f"{LABELS} of plain" in found.notes[-1]
    assert "`dvc pull`" in found.notes[-1]
    # labels that lie here serve any revision
    (folder / "data").mkdir(exist_ok=True)
    (folder / LABELS).write_bytes((history / LABELS).read_bytes())
    assert between("plain", "plain", folder).groups == 30


def test_an_unknown_revision(history: Path) -> None:
    with pytest.raises(RevisionError, match="did you mean 'cached'"):
        between("plain", "cache", history)
