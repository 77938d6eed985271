"""The pipeline, end to end, as a user runs it: what a finished run left, and what a second one does."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from ruamel.yaml import YAML

import graft
from graft.data.presized import read_presized
from graft.network.inference import resize
from graft.predict.prediction import Prediction
from tests.pipeline.conftest import dvc, git, stages_run

pytestmark = pytest.mark.slow

STAGES = {"download", "index", "split", "presize", "embed", "train-head", "finetune", "evaluate", "report", "export"}


def test_first_run_runs_every_stage(finished: Path) -> None:
    assert stages_run((finished.parent / "first-run.txt").read_text()) == STAGES
    metrics = json.loads((finished / "reports/evaluate/metrics.json").read_text())
    assert metrics["test"]["images"] == len(pd.read_csv(finished / "reports/evaluate/predictions.csv"))
    assert (finished / "reports/report.html").is_file()


def test_every_file_is_accounted_for(finished: Path) -> None:
    files = {file.relative_to(finished / "pictures").as_posix() for file in (finished / "pictures").rglob("*.*")}
    images, rejected = (pd.read_csv(finished / name) for name in ("data/images.csv", "reports/index/rejected.csv"))
    assert len(files) == 40
    assert set(images["path"]) | set(rejected["path"]) == files
    assert set(rejected["path"]) == {"disc/torn.png", "notes.txt", "shapes.csv"}


def test_the_folder_is_linked_and_its_files_are_not_touched(finished: Path) -> None:
    assert [file.name for file in (finished / "data/raw").iterdir()] == ["linked.json"]
    assert git(finished, "status", "--porcelain", "pictures") == ""


def test_copies_share_a_group_and_a_split(finished: Path) -> None:
    images = pd.read_csv(finished / "data/images.csv").set_index("path")["duplicate_group"]
    splits = pd.read_csv(finished / "data/split.csv").set_index("path")["split"]
    assert images["disc/00.png"] == images["disc/copy.png"]
    assert splits["disc/00.png"] == splits["disc/copy.png"]
    assert json.loads((finished / "reports/split/audit.json").read_text())["duplicate_groups_across_splits"] == 0


def test_bundle_is_what_was_measured(finished: Path) -> None:
    assert json.loads((finished / "reports/export/parity.json").read_text())["mismatches"] == 0
    content = (finished / "models/export/model.onnx").read_bytes()
    assert str(finished).encode() not in content
    assert b"site-packages" not in content


def test_predictions_follow_from_the_bundle_alone(finished: Path) -> None:
    """A process without torch classifies a raw file as `evaluate` did."""
    rows = pd.read_csv(finished / "reports/evaluate/predictions.csv", dtype={"path": str})
    code = (
        "import sys; sys.modules['torch'] = None; from pathlib import Path;"
        "from graft.predict.predictor import Predictor;"
        "found = Predictor(Path('models/export')).predict(Path('pictures') / sys.argv[1]);"
        "print(found.label, found.probability)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, rows["path"][0]], cwd=finished, capture_output=True, text=True, check=True
    )
    label, probability = done.stdout.split()
    assert label == rows["predicted"][0]
    np.testing.assert_allclose(float(probability), rows[f"p_{label}"][0], atol=1e-5)


def test_a_notebook_gets_the_network_and_the_classifier_that_were_measured(finished: Path) -> None:
    project = graft.Project(finished)
    measured = project.predictions
    pixels = read_presized(finished / "data/presized")
    images = torch.from_numpy(pixels.read(pixels.find(measured.index.to_list())))
    with torch.inference_mode():
        logits = project.network(resize(images, project.params["embed"]["size"]))
    temperature = json.loads((finished / "reports/evaluate/decision.json").read_text())["temperature"]
    probabilities = measured.filter(like="p_").to_numpy()
    np.testing.assert_allclose((logits / temperature).softmax(1), probabilities, atol=1e-5)
    answers = project.predictor.predict_many(finished / "pictures" / path for path in measured.index)
    assert [answer.label for answer in answers if isinstance(answer, Prediction)] == measured["predicted"].to_list()


def test_lock_names_what_params_say(finished: Path) -> None:
    lock = YAML(typ="safe").load((finished / "dvc.lock").read_text())
    params = YAML(typ="safe").load((finished / "params.yaml").read_text())
    assert lock["stages"]["train-head"]["params"]["params.yaml"]["lr"] == params["lr"]


def test_second_run_does_nothing(project: Path) -> None:
    assert stages_run(dvc(project, "repro")) == set()
    assert git(project, "status", "--porcelain") == ""


def test_forced_run_changes_no_byte(project: Path) -> None:
    before = (project / "dvc.lock").read_bytes()
    assert stages_run(dvc(project, "repro", "--force")) == STAGES
    assert (project / "dvc.lock").read_bytes() == before
    assert git(project, "status", "--porcelain") == ""
