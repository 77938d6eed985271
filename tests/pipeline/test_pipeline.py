"""The pipeline, end to end, as a user runs it; the tests of this file go on from one another."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from ruamel.yaml import YAML

from tests.pipeline.conftest import dvc, edit_params, environment, git

pytestmark = pytest.mark.slow

STAGES = ["download", "index", "split", "presize", "embed", "train-head", "finetune", "evaluate", "export"]


def ran(output: str) -> set[str]:
    """Names of the stages whose command ran."""
    lines = [line for line in output.splitlines() if line.startswith("Running stage")]
    return {line.split("'")[1].split("@")[0] for line in lines}


def test_first_run_runs_every_stage(project: Path) -> None:
    assert ran(dvc(project, "repro")) == set(STAGES)
    metrics = json.loads((project / "reports/evaluate/metrics.json").read_text())
    assert metrics["test"]["images"] == len(pd.read_csv(project / "reports/evaluate/predictions.csv"))
    assert (project / "reports/report.html").is_file()
    git(project, "add", "-A")
    git(project, "commit", "-qm", "Run")


def test_every_file_is_accounted_for(project: Path) -> None:
    files = {file.relative_to(project / "images").as_posix() for file in (project / "images").rglob("*.*")}
    images, rejected = (pd.read_csv(project / name) for name in ("data/images.csv", "reports/index/rejected.csv"))
    assert len(files) == 40
    assert set(images["path"]) | set(rejected["path"]) == files
    assert set(rejected["path"]) == {"disc/torn.png", "notes.txt", "shapes.csv"}


def test_the_folder_is_linked_and_its_files_are_not_touched(project: Path) -> None:
    assert [file.name for file in (project / "data/raw").iterdir()] == ["linked.json"]
    assert git(project, "status", "--porcelain", "images") == ""


def test_copies_share_a_group_and_a_split(project: Path) -> None:
    images = pd.read_csv(project / "data/images.csv").set_index("path")["duplicate_group"]
    splits = pd.read_csv(project / "data/split.csv").set_index("path")["split"]
    assert images["disc/00.png"] == images["disc/copy.png"]
    assert splits["disc/00.png"] == splits["disc/copy.png"]
    assert json.loads((project / "reports/split/audit.json").read_text())["duplicate_groups_across_splits"] == 0


def test_bundle_is_what_was_measured(project: Path) -> None:
    assert json.loads((project / "reports/export/parity.json").read_text())["mismatches"] == 0
    content = (project / "models/export/model.onnx").read_bytes()
    assert str(project).encode() not in content
    assert b"site-packages" not in content


def test_second_run_does_nothing(project: Path) -> None:
    assert ran(dvc(project, "repro")) == set()
    assert git(project, "status", "--porcelain") == ""


def test_forced_run_changes_no_byte(project: Path) -> None:
    before = (project / "dvc.lock").read_bytes()
    assert ran(dvc(project, "repro", "--force")) == set(STAGES)
    assert (project / "dvc.lock").read_bytes() == before
    assert git(project, "status", "--porcelain") == ""


def test_learning_rate_by_experiment_reruns_what_depends_on_it(project: Path) -> None:
    output = dvc(project, "exp", "run", "-S", "lr=1e-5", "--name", "slower")
    assert ran(output) == {"train-head", "finetune", "evaluate", "export"}
    assert "lr: 1e-05" in (project / "params.yaml").read_text()  # text to a YAML 1.1 reader
    shown = dvc(project, "exp", "show", "--csv")
    assert "slower" in shown
    git(project, "reset", "-q", "--hard")
    dvc(project, "checkout")


def test_split_seed_leaves_pixels_and_embeddings_alone(project: Path) -> None:
    edit_params(project, split={"seed": 1})
    assert ran(dvc(project, "repro")) == {"split", "train-head", "finetune", "evaluate", "export"}
    diff = json.loads(dvc(project, "metrics", "diff", "--json"))
    assert "reports/evaluate/metrics.json" in diff
    git(project, "reset", "-q", "--hard")
    dvc(project, "checkout")


def test_relabelling_leaves_pixels_and_embeddings_alone(project: Path) -> None:
    edit_params(project, labels={"rule": "regex", "pattern": r"(?P<label>disc|square)/"})
    # other rule, same labels: nothing is trained; the audit reads the rule, the report and the bundle tell it
    assert ran(dvc(project, "repro")) == {"index", "split", "evaluate", "export"}
    edit_params(project, labels={"pattern": r"(?P<label>[0-2])\d\.png"})  # by tens, not by shape
    assert ran(dvc(project, "repro")).isdisjoint({"presize", "embed", "download"})
    git(project, "reset", "-q", "--hard")
    dvc(project, "checkout")


def test_several_labels_an_image_go_through_to_the_bundle(project: Path) -> None:
    table = {"file": "shapes.csv", "path": "path", "label": "labels"}
    edit_params(project, labels={"rule": "table", "table": table, "several": " "})
    edit_params(project, split={"stratify": []})
    assert ran(dvc(project, "repro")).isdisjoint({"presize", "embed", "download"})
    metrics = json.loads((project / "reports/evaluate/metrics.json").read_text())["test"]
    assert 0 < metrics["mean_average_precision"] <= 1
    assert json.loads((project / "models/export/graft.json").read_text())["classes"] == ["disc", "late", "square"]
    assert json.loads((project / "reports/export/parity.json").read_text())["mismatches"] == 0
    assert pd.read_csv(project / "reports/index/unlabelled.csv")["path"].tolist() == ["disc/copy.png"]
    git(project, "reset", "-q", "--hard")
    git(project, "clean", "-fdq", "reports")  # curves of the other kind of task
    dvc(project, "checkout")


def test_a_correction_reruns_what_depends_on_labels(project: Path) -> None:
    (project / "corrections.csv").write_text("path,label,note\ndisc/04.png,drop,blurred\n")
    assert ran(dvc(project, "repro", "split")) == {"index", "split"}
    assert "disc/04.png" not in (project / "data/split.csv").read_text()
    git(project, "reset", "-q", "--hard")
    dvc(project, "checkout")


def test_a_changed_folder_is_noticed_and_reruns(project: Path) -> None:
    shutil.copy(project / "pictures/disc/06.png", project / "pictures/disc/again.png")
    told = subprocess.run(
        [sys.executable, "-m", "graft", "check"],
        cwd=project,
        env=environment(),
        capture_output=True,
        text=True,
        check=False,
    )
    assert told.returncode != 0
    assert "the folder pictures has changed since" in told.stderr
    subprocess.run([sys.executable, "-m", "graft", "use", "images"], cwd=project, env=environment(), check=True)
    assert {"download", "index"} <= ran(dvc(project, "repro", "split"))
    images = pd.read_csv(project / "data/images.csv").set_index("path")["duplicate_group"]
    assert images["disc/06.png"] == images["disc/again.png"]
    (project / "pictures/disc/again.png").unlink()
    git(project, "reset", "-q", "--hard")
    dvc(project, "checkout")


def test_summary_shows_every_step(project: Path) -> None:
    told = subprocess.run(
        [sys.executable, "-m", "graft", "summary", "disc/02.png"],
        cwd=project,
        env=environment(),
        capture_output=True,
        text=True,
        check=True,
    )
    assert [line.split()[0] for line in told.stdout.splitlines() if line[0] != " "] == [
        "download",
        "index",
        "index",
        "presize",
        "finetune",
        "embed",
        "train-head",
        "evaluate",
    ]
    assert "[1, 36, 36, 3] uint8" in told.stdout
    assert "breaks" not in told.stdout


def test_code_of_the_evaluation_never_retrains(project: Path) -> None:
    with (project / "graft/report/gallery.py").open("a") as file:
        file.write("# an edit\n")
    assert ran(dvc(project, "repro")) == {"evaluate"}  # same predictions: the export need not run either
    git(project, "reset", "-q", "--hard")


def test_killed_run_is_as_if_it_never_happened(project: Path) -> None:
    """Kill DVC and its stage in the middle of fine-tuning; the next run goes on from there."""
    wanted = (project / "dvc.lock").read_bytes()
    for file in (project / ".dvc/cache/runs").rglob("*"):
        if file.is_file():
            file.unlink()  # else DVC would take the result from its cache
    log = project / ".graft/log/finetune.log"
    log.unlink()
    running = subprocess.Popen(
        [sys.executable, "-m", "dvc", "repro", "--force", "--single-item", "finetune"],
        cwd=project,
        env=environment(),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    deadline = time.monotonic() + 90
    while not (log.is_file() and "epoch 1:" in log.read_text()):
        assert running.poll() is None
        assert time.monotonic() < deadline
        time.sleep(0.005)
    os.killpg(running.pid, signal.SIGKILL)
    running.wait()

    log.unlink()
    dvc(project, "repro")
    assert "epoch 1:" not in log.read_text()  # it went on, it did not begin again
    assert (project / "dvc.lock").read_bytes() == wanted
    assert git(project, "status", "--porcelain") == ""


def test_predictions_follow_from_the_bundle_alone(project: Path) -> None:
    """A process without torch classifies a raw file as `evaluate` did."""
    rows = pd.read_csv(project / "reports/evaluate/predictions.csv", dtype={"path": str})
    code = (
        "import sys; sys.modules['torch'] = None; from pathlib import Path;"
        "from graft.predict.predictor import Predictor;"
        "found = Predictor(Path('models/export')).predict(Path('pictures') / sys.argv[1]);"
        "print(found.label, found.probability)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, rows["path"][0]], cwd=project, capture_output=True, text=True, check=True
    )
    label, probability = done.stdout.split()
    assert label == rows["predicted"][0]
    np.testing.assert_allclose(float(probability), rows[f"p_{label}"][0], atol=1e-5)


def test_lock_names_what_params_say(project: Path) -> None:
    lock = YAML(typ="safe").load((project / "dvc.lock").read_text())
    params = YAML(typ="safe").load((project / "params.yaml").read_text())
    assert lock["stages"]["train-head"]["params"]["params.yaml"]["lr"] == params["lr"]
