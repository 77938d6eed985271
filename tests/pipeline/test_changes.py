"""What runs again when something changes: params, labels, files, code."""

import json
import shutil
from pathlib import Path

import pandas as pd
import pytest
from dvc.repo import Repo
from typer.testing import CliRunner

from graft.apps.cli import app
from tests.pipeline.conftest import dvc, edit_params, stages_run

pytestmark = pytest.mark.slow

ROOMS = {
    "apps": set(),
    "augment": {"finetune", "report"},
    "backbone": {"download@weights", "embed", "finetune", "evaluate", "report", "export"},
    "evaluate": {"evaluate", "report"},
    "export": {"export"},
    "heads": {"train-head", "evaluate", "report"},
    "images": {"index", "presize", "export"},
    "labels": {"index"},
    "report": {"report"},
    "split": {"split"},
}
"""Stages that an edit of a folder of graft reruns by itself; others follow where the output of these differs."""


def stale_stages(project: Path) -> set[str]:
    """Stages that DVC would run because of their own code or params."""
    with Repo(str(project)) as repo:
        return {stage.rpartition(":")[2] for stage in repo.status()}  # outside its folder, DVC says which dvc.yaml


@pytest.mark.parametrize("room", ROOMS)
def test_code_reruns_the_stages_that_name_its_folder(project: Path, room: str) -> None:
    module = sorted((project / "graft" / room).rglob("[a-z]*.py"))[0]
    with module.open("a") as file:
        file.write("# an edit\n")
    assert stale_stages(project) == ROOMS[room]


def test_code_of_the_report_runs_the_report_alone(project: Path) -> None:
    with (project / "graft/report/__init__.py").open("a") as file:
        file.write("# an edit\n")
    assert stages_run(dvc(project, "repro")) == {"report"}


def test_learning_rate_by_experiment_reruns_what_depends_on_it(project: Path) -> None:
    output = dvc(project, "exp", "run", "-S", "lr=1e-5", "--name", "slower")
    assert stages_run(output) == {"train-head", "finetune", "evaluate", "report", "export"}
    assert "lr: 1e-05" in (project / "params.yaml").read_text()  # text to a YAML 1.1 reader
    assert "slower" in dvc(project, "exp", "show", "--csv")
    assert "reports/evaluate/metrics.json" in json.loads(dvc(project, "metrics", "diff", "--json"))


def test_what_won_is_trained_once_more_on_valid_too(project: Path) -> None:
    edit_params(project, finetune={"refit": True, "keep": "finetuned", "epochs": 1})
    output = dvc(project, "repro", "evaluate")
    assert "finetune: once more, on train and valid" in output
    kept = project / "models/finetuned"
    whole, before = (json.loads((folder / "network.json").read_text()) for folder in (kept, kept / "before-refit"))
    assert (whole["finetuned"], whole["refit"], before.get("refit")) == (True, True, None)
    weights = [(folder / "model.safetensors").read_bytes() for folder in (kept, kept / "before-refit")]
    assert weights[0] != weights[1]
    assert json.loads((project / "reports/evaluate/metrics.json").read_text())["kept"] == "finetuned"


def test_the_mean_of_before_and_after_goes_through_to_the_bundle(project: Path) -> None:
    edit_params(project, finetune={"ensemble": True, "refit": True, "keep": "finetuned", "epochs": 1})
    assert {"finetune", "evaluate", "report", "export"} <= stages_run(dvc(project, "repro"))
    described = json.loads((project / "models/finetuned/network.json").read_text())
    assert (described["ensemble"], described["refit"], len(described["members"])) == (True, True, 2)
    assert json.loads((project / "reports/export/parity.json").read_text())["mismatches"] == 0
    measured = json.loads((project / "reports/finetune/metrics.json").read_text())["valid"]["finetuned"]
    last = pd.read_csv(project / "reports/finetune/epochs.csv").iloc[-1]
    assert measured["log_loss"] != pytest.approx(last["valid_loss"])  # that is of what came out alone


def test_split_seed_leaves_pixels_and_embeddings_alone(project: Path) -> None:
    edit_params(project, split={"seed": 1})
    assert stages_run(dvc(project, "repro", "train-head")) == {"split", "train-head"}


def test_another_rule_with_the_same_labels_trains_nothing(project: Path) -> None:
    edit_params(project, labels={"rule": "regex", "pattern": r"(?P<label>disc|square)/"})
    assert stages_run(dvc(project, "repro", "finetune")).isdisjoint({"presize", "embed", "train-head", "finetune"})


def test_other_labels_leave_pixels_and_embeddings_alone(project: Path) -> None:
    edit_params(project, labels={"rule": "regex", "pattern": r"(?P<label>[0-2])\d\.png"})  # by tens, not by shape
    assert stages_run(dvc(project, "repro", "train-head")) == {"index", "split", "train-head"}


def test_several_labels_an_image_go_through_to_the_bundle(project: Path) -> None:
    table = {"file": "shapes.csv", "path": "path", "label": "labels"}
    edit_params(project, labels={"rule": "table", "table": table, "label_separator": " "})
    edit_params(project, split={"stratify": []})
    assert stages_run(dvc(project, "repro")).isdisjoint({"presize", "embed", "download"})
    metrics = json.loads((project / "reports/evaluate/metrics.json").read_text())["test"]
    assert 0 < metrics["mean_average_precision"] <= 1
    assert json.loads((project / "models/export/graft.json").read_text())["classes"] == ["disc", "late", "square"]
    assert json.loads((project / "reports/export/parity.json").read_text())["mismatches"] == 0
    assert pd.read_csv(project / "reports/index/unlabelled.csv")["path"].tolist() == ["disc/copy.png"]


def test_jpegs_go_through_to_the_bundle(project: Path) -> None:
    """With outputs that are one file with their copy in the cache, as graft's own configuration has it."""
    dvc(project, "config", "cache.type", "reflink,hardlink,copy")
    edit_params(project, presize={"store": "jpeg", "quality": 95}, export={"max_encoding_mismatches": 1})
    assert {"presize", "embed", "finetune", "evaluate", "report", "export"} <= stages_run(dvc(project, "repro"))
    files = {file.name for file in (project / "data/presized").iterdir()}
    assert files == {"pixels.jpegs", "offsets.npy", "jpeg.json", "rows.csv", "square.json"}
    parity = json.loads((project / "reports/export/parity.json").read_text())
    assert (parity["mismatches"], parity["images"]) == (0, parity["served"]["images"])
    before = [(project / "data/presized" / name).read_bytes() for name in sorted(files)]
    assert stages_run(dvc(project, "repro", "--force", "--single-item", "presize")) == {"presize"}
    assert [(project / "data/presized" / name).read_bytes() for name in sorted(files)] == before


def test_a_correction_reruns_what_depends_on_labels(project: Path) -> None:
    (project / "corrections.csv").write_text("path,label,note\ndisc/04.png,drop,blurred\n")
    assert stages_run(dvc(project, "repro", "split")) == {"index", "split"}
    assert "disc/04.png" not in (project / "data/split.csv").read_text()


def test_a_changed_folder_is_noticed_and_reruns(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shutil.copy(project / "pictures/disc/06.png", project / "pictures/disc/again.png")
    monkeypatch.chdir(project)
    checked = CliRunner().invoke(app, ["check"])
    assert checked.exit_code != 0
    assert "the folder pictures has changed since" in str(checked.exception)
    assert CliRunner().invoke(app, ["use", "pictures"]).exit_code == 0
    assert {"download", "index"} <= stages_run(dvc(project, "repro", "split"))
    images = pd.read_csv(project / "data/images.csv").set_index("path")["duplicate_group"]
    assert images["disc/06.png"] == images["disc/again.png"]


def test_summary_shows_every_step(finished: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(finished)
    output = CliRunner().invoke(app, ["summary", "disc/02.png"]).stdout
    assert [line.split()[0] for line in output.splitlines() if line[0] != " "] == [
        "download",
        "index",
        "index",
        "split",
        "presize",
        "finetune",
        "embed",
        "train-head",
        "loss",
    ]
    assert "[4, 36, 36, 3] uint8" in output
    assert "breaks" not in output
