"""The command line: what it prints, and how it says what the user can mend."""

import json
import shutil
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from graft import cli, params
from graft.presets import apply_preset, names
from graft.sections import MODELS

ROOT = Path(__file__).resolve().parents[1]


@pytest.fixture(autouse=True)
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with params.yaml and the presets."""
    shutil.copy(ROOT / "params.yaml", tmp_path)
    shutil.copytree(ROOT / "presets", tmp_path / "presets")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def said(monkeypatch: pytest.MonkeyPatch, *words: str) -> str:
    """Run the entry point and return what it exits with."""
    monkeypatch.setattr(sys, "argv", ["graft", *words])
    with pytest.raises(SystemExit) as stopped:
        cli.run()
    return str(stopped.value.code)


def test_every_key_has_a_model() -> None:
    assert tuple(MODELS) == params.KEYS


def test_shipped_params_are_the_default_preset() -> None:
    assert apply_preset("solar-cells", Path("params.yaml")) == []


@pytest.mark.parametrize("preset", ["solar-cells", "solar-cells-random"])
def test_every_preset_is_valid(preset: str) -> None:
    assert preset in names()
    done = CliRunner().invoke(cli.app, ["use", preset])
    assert done.exit_code == 0, done.output
    assert f"all {len(params.KEYS)} keys are valid" in done.output


def test_check_names_every_problem_at_once(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    text = (project / "params.yaml").read_text().replace("lr: 0.003", "lr: 30").replace("size: 256", "sise: 256")
    (project / "params.yaml").write_text(text)
    message = said(monkeypatch, "check")
    assert "lr: input should be less than or equal to 10; got 30" in message
    assert "presize.sise: unknown key (did you mean 'size'?); the names are size" in message
    assert "presize.size: missing" in message


def test_unknown_preset_suggests_the_nearest(monkeypatch: pytest.MonkeyPatch) -> None:
    message = said(monkeypatch, "use", "solar-cell")
    assert message.startswith("graft: no preset 'solar-cell' (did you mean 'solar-cells'?)")


def test_results_without_a_run_say_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    assert said(monkeypatch, "results").endswith("nothing was evaluated yet; run `dvc repro`")


def test_results_show_the_figures_and_the_report(project: Path) -> None:
    row = {
        "pictures": 8,
        "accuracy": 0.75,
        "accuracy_low": 0.4,
        "accuracy_high": 0.93,
        "macro_f1": 0.7,
        "log_loss": 0.5,
    }
    (project / "reports/evaluate").mkdir(parents=True)
    metrics = {"test": row, "probe": row | {"accuracy": 0.5}, "majority": {"accuracy": 0.625}}
    (project / "reports/evaluate/metrics.json").write_text(json.dumps(metrics))
    lines = CliRunner().invoke(cli.app, ["results"]).output.splitlines()
    assert lines[0].split() == [
        "test,",
        "8",
        "pictures",
        "accuracy",
        "95",
        "%",
        "interval",
        "macro",
        "F1",
        "log",
        "loss",
    ]
    assert lines[1].split() == ["this", "network", "75.0%", "40.0%", "to", "93.0%", "0.700", "0.500"]
    assert lines[2].split()[:3] == ["linear", "probe", "50.0%"]
    assert lines[3].split() == ["majority", "class", "62.5%"]
    assert lines[4] == f"report: {(project / 'reports/report.html').as_uri()}"


def test_results_of_several_labels(project: Path) -> None:
    row = {
        "pictures": 8,
        "exact_match": 0.75,
        "exact_match_low": 0.4,
        "exact_match_high": 0.93,
        "micro_f1": 0.8,
        "macro_f1": None,
        "mean_average_precision": 0.9,
        "hamming_loss": 0.1,
        "log_loss": 0.5,
    }
    (project / "reports/evaluate").mkdir(parents=True)
    metrics = {"test": row, "probe": row, "majority": {"exact_match": 0.25}}
    (project / "reports/evaluate/metrics.json").write_text(json.dumps(metrics))
    lines = CliRunner().invoke(cli.app, ["results"]).output.splitlines()
    assert " ".join(lines[0].split()) == "test, 8 pictures all right 95 % interval micro F1 macro F1 mAP log loss"
    assert lines[1].split() == ["this", "network", "75.0%", "40.0%", "to", "93.0%", "0.800", "none", "0.900", "0.500"]
    assert lines[3].split() == ["majority", "class", "25.0%"]
