"""The command line: what it prints, and how it says what the user can mend."""

import hashlib
import json
import shutil
import sys
from pathlib import Path

import pytest
import yaml
from PIL import Image
from typer.testing import CliRunner

from graft import __version__
from graft.apps import cli
from graft.apps.check import MODELS
from graft.apps.use.presets import names, read_preset, write_values
from graft.core import params
from graft.data.raw import fingerprint
from graft.source.config import Source
from graft.source.dataset import fetch_dataset
from tests.source.site import Site, serve

ROOT = Path(__file__).resolve().parents[2]


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


def test_version_and_help() -> None:
    assert CliRunner().invoke(cli.app, ["--version"]).output == f"graft {__version__}\n"
    told = CliRunner().invoke(cli.app, ["--help"]).output
    assert "Reproducible transfer learning for image classification" in told
    assert "`" not in told


def test_every_key_has_a_model() -> None:
    assert list(params.load(ROOT / "params.yaml")) == list(MODELS)


def test_shipped_params_are_the_default_preset() -> None:
    assert write_values(read_preset("solar-cells")[0], Path("params.yaml")) == []


@pytest.mark.parametrize("preset", ["solar-cells", "solar-cells-random"])
def test_every_preset_is_valid(preset: str) -> None:
    assert preset in names()
    done = CliRunner().invoke(cli.app, ["use", preset])
    assert done.exit_code == 0, done.output
    assert f"all {len(MODELS)} keys are valid" in done.output


def test_check_names_every_problem_at_once(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    text = (project / "params.yaml").read_text().replace("lr: 0.001", "lr: 30").replace("size: 256", "sise: 256")
    (project / "params.yaml").write_text(text)
    message = said(monkeypatch, "check")
    assert "lr: input should be less than or equal to 10; got 30" in message
    assert "presize.sise: unknown key (did you mean 'size'?); the names are crop, size" in message
    assert "presize.size: missing" in message


@pytest.mark.parametrize(
    ("before", "after", "expected"),
    [
        (
            "freeze: [conv_stem, 'blocks\\.[0-3]\\.']",
            "freeze: ['[']",
            "finetune.freeze.0: is no regular expression: unterminated character set at position 0; got '['",
        ),
        (
            "unfreeze: []",
            "unfreeze: [{epoch: 2, pattern: '('}]",
            "finetune.unfreeze.0.pattern: is no regular expression: missing ), unterminated subpattern at position 0",
        ),
        ("name: tf_efficientnet_lite0", "name: resnet43", "backbone.name: neither timm nor torchvision has 'resnet43'"),
        ("weights: package:", "weights: timm://nope #", "backbone.weights: timm has no weights 'nope'"),
        ("l2: [0.03,", "l2: [0.1,", "train_head.l2: each penalty can be named once; got [0.1, 0.1, 0.3, 1.0, 3.0]"),
        ("l2: [0.03,", "l2: [-0.03,", "train_head.l2.0: input should be greater than or equal to 0; got -0.03"),
        ("pools: [mean, max]", "pools: [max, max]", "embed.pools: each can be named once; got ['max', 'max']"),
        ("rule: table", "rule: folder", "labels: the key 'table' belongs to rule: table, and the rule is folder"),
    ],
    ids=["freeze", "unfreeze", "backbone", "weights", "a penalty twice", "a negative penalty", "a pool twice", "rule"],
)
def test_check_finds_what_the_stages_would(
    project: Path, monkeypatch: pytest.MonkeyPatch, before: str, after: str, expected: str
) -> None:
    text = (project / "params.yaml").read_text()
    assert text.count(before) == 1
    (project / "params.yaml").write_text(text.replace(before, after))
    assert said(monkeypatch, "check").startswith(f"graft: {expected}")


def test_unknown_preset_suggests_the_nearest(monkeypatch: pytest.MonkeyPatch) -> None:
    message = said(monkeypatch, "use", "solar-cell")
    assert message.startswith(
        "graft: 'solar-cell': nothing lies there, nor is it a preset (did you mean 'solar-cells'?)"
    )


def test_where_images_lie_is_asked_for_presets_only(monkeypatch: pytest.MonkeyPatch, project: Path) -> None:
    assert "--from belongs to a preset, and 'pet' is none (did you mean 'pets'?)" in said(
        monkeypatch, "use", "pet", "--from", "x"
    )
    assert "photos is a recipe for any pictures and has none of its own" in said(
        monkeypatch, "use", "photos", "--from", str(project)
    )


def test_a_preset_without_an_address_says_how_to_get_its_images(monkeypatch: pytest.MonkeyPatch) -> None:
    message = said(monkeypatch, "use", "dogs-vs-cats")
    assert "hands out after a login only" in message
    assert "graft use dogs-vs-cats --from PATH" in message


def images(folder: Path) -> Path:
    """Class folders of tiny pictures."""
    for kind in ("cat", "dog"):
        (folder / kind).mkdir(parents=True)
        for number in range(4):
            Image.new("RGB", (8, 8), (number, len(kind), ord(kind[0]))).save(folder / kind / f"{number}.png")
    return folder


def test_a_folder_is_looked_at_explained_and_written(project: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    folder = images(tmp_path_factory.mktemp("elsewhere") / "set")
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
    folder = images(tmp_path_factory.mktemp("elsewhere") / "set")
    CliRunner().invoke(cli.app, ["use", str(folder)])
    (folder / "cat" / "9.png").write_bytes((folder / "cat" / "0.png").read_bytes())
    done = CliRunner().invoke(cli.app, ["use", str(folder)])
    changed = [line for line in done.output.splitlines() if " -> " in line]
    assert [line.split(":")[0] for line in changed] == ["source.sha256"]


def test_what_is_in_use_keeps_the_labels_set_by_hand(project: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    folder = images(tmp_path_factory.mktemp("elsewhere") / "set")
    CliRunner().invoke(cli.app, ["use", str(folder), "--licence", "CC0"])
    write_values({"labels": {"rule": "regex", "pattern": "(?P<label>[02])"}}, project / "params.yaml")
    done = CliRunner().invoke(cli.app, ["use", str(folder)])
    assert "in use already, so only its digest is written; --anew looks at it afresh" in done.output
    values = params.load(project / "params.yaml")
    assert (values["labels"]["rule"], values["source"]["licence"]) == ("regex", "CC0")
    CliRunner().invoke(cli.app, ["use", str(folder), "--anew"])
    values = params.load(project / "params.yaml")
    assert (values["labels"], values["source"]["licence"]) == ({"rule": "folder"}, "CC0")


@pytest.mark.parametrize("spelling", ["{}/", "{}/cat/..", "./link", "~/set"])
def test_another_spelling_of_what_is_in_use_is_the_same(
    project: Path, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch, spelling: str
) -> None:
    folder = images(tmp_path_factory.mktemp("elsewhere") / "set")
    monkeypatch.setenv("HOME", str(folder.parent))
    (project / "link").symlink_to(folder)
    CliRunner().invoke(cli.app, ["use", str(folder), "--licence", "CC0"])
    write_values({"labels": {"rule": "regex", "pattern": "(?P<label>[02])"}}, project / "params.yaml")
    before = (project / "params.yaml").read_text()
    done = CliRunner().invoke(cli.app, ["use", spelling.format(folder)])
    assert "in use already" in done.output
    assert (project / "params.yaml").read_text() == before


def test_a_home_of_nobody_is_no_place(monkeypatch: pytest.MonkeyPatch) -> None:
    assert "'~nobody-here/set': nothing lies there, nor is it a preset" in said(monkeypatch, "use", "~nobody-here/set")


def test_a_linked_folder_that_changed_is_noticed(
    project: Path, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = images(tmp_path_factory.mktemp("elsewhere") / "a set")
    write_values({"source": {"uri": str(folder), "licence": "CC0"}}, project / "params.yaml")
    fetch_dataset(Source(uri=str(folder), licence="CC0"), project / "data/raw", project / ".graft/downloads")
    (folder / "cat" / ".DS_Store").touch()
    assert CliRunner().invoke(cli.app, ["check"]).exit_code == 0
    (folder / "cat" / "9.png").touch()
    assert f"the folder {folder} has changed since `download` linked it; run `graft use '{folder}'`" in said(
        monkeypatch, "check"
    )
    assert CliRunner().invoke(cli.app, ["use", str(folder)]).exit_code == 0  # as advised
    assert CliRunner().invoke(cli.app, ["check"]).exit_code == 0
    (folder / "cat" / "8.png").touch()
    assert f"the folder {folder} has changed since source.sha256 was written" in said(monkeypatch, "check")
    shutil.rmtree(folder)
    assert f"source.uri: nothing lies at {folder}: bring it back" in said(monkeypatch, "check")


def test_another_source_is_not_held_to_the_folder_linked_before(
    project: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    before = images(tmp_path_factory.mktemp("elsewhere") / "before")
    fetch_dataset(Source(uri=str(before), licence="CC0"), project / "data/raw", project / ".graft/downloads")
    (before / "cat" / "9.png").touch()
    assert CliRunner().invoke(cli.app, ["check"]).exit_code == 0  # params.yaml names a package


@pytest.mark.parametrize("written", ["../set", "~/set"])
def test_a_path_is_written_so_that_it_holds_in_every_folder(
    written: str, project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = images(project / "set")
    (project / "here").mkdir()
    for name in ("params.yaml", "presets"):
        (project / name).rename(project / "here" / name)
    monkeypatch.chdir(project / "here")
    monkeypatch.setenv("HOME", str(project))
    for _ in range(2):
        assert CliRunner().invoke(cli.app, ["use", written]).exit_code == 0
        uri = params.load(Path("params.yaml"))["source"]["uri"]
        assert uri == (written if written.startswith("~") else str(folder))


@pytest.mark.parametrize("source", ["foo", {"uri": "set"}], ids=["no section", "no licence"])
def test_a_source_that_is_not_as_it_should_be_is_written_anew(source: object, project: Path) -> None:
    images(project / "set")
    values = yaml.safe_load((project / "params.yaml").read_text())
    (project / "params.yaml").write_text(yaml.safe_dump(values | {"source": source}))
    done = CliRunner().invoke(cli.app, ["use", "set"])
    assert done.exit_code == 0, done.output
    assert params.load(project / "params.yaml")["source"]["licence"] == "not stated"


def test_a_login_in_an_address_is_warned_of_and_not_shown(project: Path) -> None:
    shutil.make_archive(str(project / "set"), "zip", images(project / "set"))
    with serve(Site((project / "set.zip").read_bytes())) as site:
        address = site.url.replace("http://", "http://me:secret@")
        done = CliRunner().invoke(cli.app, ["use", address])
    assert done.exit_code == 0, done.output
    told, _, written = done.output.partition("source.uri: ")
    assert f"warning: {site.url} carries a login or a signature" in told
    assert "secret" not in told
    assert "secret" not in written


def test_an_archive_is_looked_at_and_named_with_size_and_digest(project: Path) -> None:
    archive = shutil.make_archive(str(project / "set"), "zip", images(project / "set"))
    (project / ".graft/downloads/look-1/left by a run that was killed").mkdir(parents=True)
    done = CliRunner().invoke(cli.app, ["use", "dogs-vs-cats", "--from", archive])
    assert done.exit_code == 0, done.output
    source = params.load(project / "params.yaml")["source"]
    assert source["bytes"] == Path(archive).stat().st_size
    assert source["sha256"] == hashlib.sha256(Path(archive).read_bytes()).hexdigest()
    assert source["uri"] == archive
    assert not list((project / ".graft/downloads").glob("look*"))


def test_images_must_not_lie_where_dvc_would_delete_them(monkeypatch: pytest.MonkeyPatch, project: Path) -> None:
    images(project / "data/raw")
    assert "lie one within the other; move the pictures elsewhere" in said(monkeypatch, "use", "data/raw")


def test_results_without_a_run_say_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    assert said(monkeypatch, "results").endswith("nothing was evaluated yet; run `dvc repro`")


def test_results_show_the_figures_and_the_report(project: Path) -> None:
    row = {
        "images": 8,
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
        "images",
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
    assert lines[4:] == ["report: not here; `dvc repro` writes it"]
    (project / "reports/report.html").touch()
    lines = CliRunner().invoke(cli.app, ["results"]).output.splitlines()
    assert lines[4:] == [f"report: {(project / 'reports/report.html').as_uri()}"]


def test_results_of_an_earlier_run_say_so(project: Path) -> None:
    shutil.copytree(ROOT / "reports/evaluate", project / "reports/evaluate")
    values = params.load(project / "params.yaml")
    recorded = {"evaluate": {"params": {"params.yaml": {key: values[key] for key in ("lr", "labels", "split")}}}}
    (project / "dvc.lock").write_text(yaml.safe_dump({"schema": "2.0", "stages": recorded}))
    assert "earlier run" not in CliRunner().invoke(cli.app, ["results"]).output

    CliRunner().invoke(cli.app, ["use", "solar-cells-random"])
    (project / "data").mkdir()
    (project / "data/labels.csv").write_text("path,label,group\n")
    lines = CliRunner().invoke(cli.app, ["results"]).output.splitlines()
    assert lines[0] == (
        "these figures are of an earlier run; since then split, data/labels.csv changed: run `dvc repro`"
    )
    assert lines[1].startswith("test, ")


def test_results_of_several_labels(project: Path) -> None:
    row = {
        "images": 8,
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
    assert done.exit_code == 1

    folder = images(tmp_path_factory.mktemp("elsewhere") / "set")
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
