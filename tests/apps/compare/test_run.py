"""What is read of a revision, and what may be lacking."""

import json
from pathlib import Path

import pytest

from graft.apps.compare.revisions import LABELS, METRICS, PARAMS, PREDICTIONS, SPLIT, RevisionError, Workspace
from graft.apps.compare.run import read_labels, read_run
from graft.core.errors import DataError, GraftError
from tests.apps.compare.made import csv, labels, names


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A folder with all that is compared."""
    told = labels(6)
    files = {
        PREDICTIONS: csv(told, told).decode(),
        METRICS: json.dumps({"test": {"accuracy": 1.0, "macro_f1": None, "interval": "Wilson"}}),
        PARAMS: "lr: 1e-3\nsplit: {by: group}\n",
        LABELS: "path,label,group,kind\n" + "".join(f"{name},cat,g,m\n" for name in ["aside.png", *names(6)]),
        SPLIT: "path,split\n" + "".join(f"{name},test\n" for name in names(6)),
    }
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    return tmp_path


def test_a_whole_run(project: Path) -> None:
    run = read_run(Workspace(project))
    assert run.title == "workspace"
    assert run.params == {"lr": 0.001, "split": {"by": "group"}}
    assert run.measured == {"accuracy": 1.0, "macro_f1": None}
    assert run.split is not None
    assert run.split.loc[names(1)[0], "split"] == "test"
    assert run.gaps == []
    found, reason = read_labels(Workspace(project), names(6)[::-1])
    assert found is not None
    assert found.index.tolist() == names(6)[::-1]
    assert found["group"].unique().tolist() == ["g"]
    assert reason == ""


def test_only_predictions_must_be_there(project: Path) -> None:
    for name in (METRICS, PARAMS, LABELS, SPLIT):
        (project / name).unlink()
    run = read_run(Workspace(project))
    assert (run.params, run.measured, run.split) == ({}, {}, None)
    assert [gap.split(";")[0] for gap in run.gaps] == [
        f"the workspace has no {PARAMS}",
        f"the workspace has no {METRICS}",
    ]
    assert read_labels(Workspace(project), names(1))[1].startswith(f"the workspace has no {LABELS}")
    (project / PREDICTIONS).unlink()
    with pytest.raises(RevisionError, match=r"has no reports/evaluate/predictions\.csv; run `dvc repro evaluate`, or"):
        read_run(Workspace(project))


def test_labels_of_other_images_will_not_do(project: Path) -> None:
    found, reason = read_labels(Workspace(project), ["x.png"])
    assert found is None
    assert reason == "data/labels.csv of workspace does not name 'x.png'"


@pytest.mark.parametrize(
    ("name", "text", "told"),
    [
        (PARAMS, "a: [", "params.yaml of workspace: not valid YAML"),
        (PARAMS, "- 1", "expected a mapping; got [1]"),
        (METRICS, "{", "holds no figures of test; run `dvc repro evaluate`"),
        (METRICS, '{"test": 3}', "holds no figures of test"),
        (SPLIT, "path\nx\n", "lacks the column split; it has path"),
        (SPLIT, "", "data/split.csv of workspace is not a table"),
    ],
)
def test_what_is_damaged_is_said(project: Path, name: str, text: str, told: str) -> None:
    (project / name).write_text(text)
    with pytest.raises(GraftError) as refused:
        read_run(Workspace(project))
    assert told in str(refused.value)
    assert isinstance(refused.value, DataError)


def test_what_cannot_be_opened_is_said(project: Path) -> None:
    (project / PREDICTIONS).unlink()
    (project / PREDICTIONS).mkdir()
    with pytest.raises(RevisionError, match="Is a directory"):
        read_run(Workspace(project))
