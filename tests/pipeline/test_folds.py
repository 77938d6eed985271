"""Every image of a project is once in test; what is done is not done again."""

import json
from pathlib import Path

import pandas as pd
import pytest
from typer.testing import CliRunner

from graft.apps import cli
from tests.pipeline.conftest import environment, git


@pytest.mark.slow
def test_every_image_is_once_in_test_and_folds_are_kept(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in environment().items():
        monkeypatch.setenv(name, value)
    monkeypatch.chdir(project)
    first = CliRunner().invoke(cli.app, ["folds", "-k", "2"])
    assert first.exit_code == 0, first.output
    assert first.output.startswith("0 of 2 experiments are done\n2 run in DVC's queue, 1 at once; ")
    report = project / "reports/folds"
    labels = pd.read_csv("data/labels.csv", dtype=str)
    predictions = pd.read_csv(report / "predictions.csv")
    assert sorted(predictions["path"]) == sorted(labels["path"])
    metrics = json.loads((report / "metrics.json").read_text())
    assert metrics["images"] == len(labels)
    share = (predictions["label"] == predictions["predicted"]).mean()
    assert metrics["accuracy"] == pytest.approx(share)
    assert f"all {len(labels)} images: accuracy {share:.1%}" in first.output
    assert metrics["accuracy_low"] < share
    table = pd.read_csv(report / "folds.csv")
    assert table["images"].sum() == len(labels)
    assert not git(project, "status", "--porcelain", "--", "data", "models", "reports").strip()
    second = CliRunner().invoke(cli.app, ["folds", "-k", "2"])
    assert second.exit_code == 0, second.output
    assert second.output.splitlines()[0] == "2 of 2 experiments are done"
    assert second.output.splitlines()[1:] == first.output.splitlines()[2:]
