"""The command line: what it prints, and how it says what the user can mend."""

import hashlib
import json
import shutil
import sys
from pathlib import Path

import pytest
from PIL import Image
from typer.testing import CliRunner

from graft import cli, params
from graft.presets import names, read_preset, write_values
from graft.sections import MODELS
from graft.source.fetch import fetch_dataset
from graft.source.fingerprint import fingerprint
from graft.source.settings import Source

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
    assert write_values(read_preset("solar-cells")[0], Path("params.yaml")) == []


@pytest.mark.parametrize("preset", ["solar-cells", "solar-cells-random"])
def test_every_preset_is_valid(preset: str) -> None:
    assert preset in names()
    done = CliRunner().invoke(cli.app, ["use", preset])
    assert done.exit_code == 0, done.output
    assert f"all {len(params.KEYS)} keys are valid" in done.output


def test_check_names_every_problem_at_once(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    text = (project / "params.yaml").read_text().replace("lr: 0.001", "lr: 30").replace("size: 256", "sise: 256")
    (project / "params.yaml").write_text(text)
    message = said(monkeypatch, "check")
    assert "lr: input should be less than or equal to 10; got 30" in message
    assert "presize.sise: unknown key (did you mean 'size'?); the names are crop, size" in message
    assert "presize.size: missing" in message


def test_unknown_preset_suggests_the_nearest(monkeypatch: pytest.MonkeyPatch) -> None:
    message = said(monkeypatch, "use", "solar-cell")
    assert message.startswith(
        "graft: 'solar-cell': nothing lies there, nor is it a preset (did you mean 'solar-cells'?)"
    )


def test_where_pictures_lie_is_asked_for_presets_only(monkeypatch: pytest.MonkeyPatch, project: Path) -> None:
    assert "--from belongs to a preset, and 'pet' is none (did you mean 'pets'?)" in said(
        monkeypatch, "use", "pet", "--from", "x"
    )
    assert "photos is a recipe for any pictures and has none of its own" in said(
        monkeypatch, "use", "photos", "--from", str(project)
    )


def test_a_preset_without_an_address_says_how_to_get_its_pictures(monkeypatch: pytest.MonkeyPatch) -> None:
    message = said(monkeypatch, "use", "dogs-vs-cats")
    assert "hands out after a login only" in message
    assert "graft use dogs-vs-cats --from PATH" in message


def pictures(folder: Path) -> Path:
    """Class folders of tiny pictures."""
    for kind in ("cat", "dog"):
        (folder / kind).mkdir(parents=True)
        for number in range(4):
            Image.new("RGB", (8, 8), (number, len(kind), ord(kind[0]))).save(folder / kind / f"{number}.png")
    return folder


def test_a_folder_is_looked_at_explained_and_written(project: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    folder = pictures(tmp_path_factory.mktemp("elsewhere") / "set")
    before = (project / "params.yaml").read_text()
    done = CliRunner().invoke(cli.app, ["use", str(folder), "--licence", "CC0", "--dry-run"])
    assert done.exit_code == 0, done.output
    assert "8 pictures by name (8 .png)" in done.output
    assert "labels: the folder each picture lies in, for 8 of 8 pictures" in done.output
    assert done.output.endswith("dry run: params.yaml is as it was\n")
    assert (project / "params.yaml").read_text() == before

    assert CliRunner().invoke(cli.app, ["use", str(folder), "--licence", "CC0"]).exit_code == 0
    values = params.load(project / "params.yaml")
    assert values["source"] == {"uri": str(folder), "sha256": fingerprint(folder), "licence": "CC0"}
    assert values["labels"] == {"rule": "folder"}
    assert values["augment"]["flip"] == "horizontal"  # what was said of solar cells does not hold of any pictures
    assert "# what a run depends on" in (project / "params.yaml").read_text().lower()


def test_a_changed_folder_has_another_fingerprint_in_params(
    project: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    folder = pictures(tmp_path_factory.mktemp("elsewhere") / "set")
    CliRunner().invoke(cli.app, ["use", str(folder)])
    (folder / "cat" / "9.png").write_bytes((folder / "cat" / "0.png").read_bytes())
    done = CliRunner().invoke(cli.app, ["use", str(folder)])
    changed = [line for line in done.output.splitlines() if " -> " in line]
    assert [line.split(":")[0] for line in changed] == ["source.sha256"]


def test_what_is_in_use_keeps_the_labels_set_by_hand(project: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    folder = pictures(tmp_path_factory.mktemp("elsewhere") / "set")
    CliRunner().invoke(cli.app, ["use", str(folder), "--licence", "CC0"])
    write_values({"labels": {"rule": "regex", "pattern": "(?P<label>[02])"}}, project / "params.yaml")
    done = CliRunner().invoke(cli.app, ["use", str(folder)])
    assert "in use already, so only its digest is written; --anew looks at it afresh" in done.output
    values = params.load(project / "params.yaml")
    assert (values["labels"]["rule"], values["source"]["licence"]) == ("regex", "CC0")
    CliRunner().invoke(cli.app, ["use", str(folder), "--anew"])
    assert params.load(project / "params.yaml")["labels"] == {"rule": "folder"}


def test_a_linked_folder_that_changed_is_noticed(
    project: Path, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = pictures(tmp_path_factory.mktemp("elsewhere") / "set")
    fetch_dataset(Source(uri=str(folder), licence="CC0"), project / "data/raw", project / ".graft/downloads")
    assert CliRunner().invoke(cli.app, ["check"]).exit_code == 0
    (folder / "cat" / "9.png").touch()
    assert f"the folder {folder} has changed since `download` linked it; run `graft use {folder}`" in said(
        monkeypatch, "check"
    )


def test_an_archive_is_looked_at_and_named_with_size_and_digest(project: Path) -> None:
    archive = shutil.make_archive(str(project / "set"), "zip", pictures(project / "set"))
    done = CliRunner().invoke(cli.app, ["use", "dogs-vs-cats", "--from", archive])
    assert done.exit_code == 0, done.output
    source = params.load(project / "params.yaml")["source"]
    assert source["bytes"] == Path(archive).stat().st_size
    assert source["sha256"] == hashlib.sha256(Path(archive).read_bytes()).hexdigest()
    assert source["uri"] == archive
    assert not list((project / ".graft/downloads").glob("look-*"))


def test_pictures_must_not_lie_where_dvc_would_delete_them(monkeypatch: pytest.MonkeyPatch, project: Path) -> None:
    pictures(project / "data/raw")
    assert "lie one within the other; move the pictures elsewhere" in said(monkeypatch, "use", "data/raw")


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


def test_a_summary_shows_where_it_breaks(project: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    done = CliRunner().invoke(cli.app, ["summary"])
    assert done.output == "download    breaks here: data/raw is absent; run `dvc repro download`\n"

    folder = pictures(tmp_path_factory.mktemp("elsewhere") / "set")
    CliRunner().invoke(cli.app, ["use", str(folder)])
    fetch_dataset(Source(uri=str(folder), licence="CC0"), project / "data/raw", project / ".graft/downloads")
    (project / "corrections.csv").write_text("path,label,note\n")
    lines = CliRunner().invoke(cli.app, ["summary", "dog/1.png"]).output.splitlines()
    assert (
        lines[0] == f"download    dog/1.png, {(folder / 'dog/1.png').stat().st_size} bytes, one of 8 pictures by name"
    )
    assert lines[1:4] == [
        "index       PNG RGB -> RGB 8 x 8, upright",
        "index       label 'dog', group ''",
        "presize     [1, 256, 256, 3] uint8, from 1 to 100",
    ]
    assert lines[-1] == "embed       breaks here: models/backbone is absent; run `dvc repro download`"

    (folder / "dog" / "1.png").write_bytes(b"no picture")
    lines = CliRunner().invoke(cli.app, ["summary", "dog/1.png"]).output.splitlines()
    assert lines[-1].startswith("index       breaks here: not a picture in a format that is read")
