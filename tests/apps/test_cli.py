"""The command line: what it prints, and how it says what the user can mend."""

import hashlib
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


def exit_message(monkeypatch: pytest.MonkeyPatch, *words: str) -> str:
    """Run the entry point and return what it exits with."""
    monkeypatch.setattr(sys, "argv", ["graft", *words])
    with pytest.raises(SystemExit) as stopped:
        cli.run()
    return str(stopped.value.code)


def test_version_and_help() -> None:
    assert CliRunner().invoke(cli.app, ["--version"]).output == f"graft {__version__}\n"
    text = CliRunner().invoke(cli.app, ["--help"]).output
    assert "Reproducible transfer learning for image classification" in text
    assert "`" not in text
    assert " look " not in text


def test_the_former_name_of_a_command_says_the_new_one(monkeypatch: pytest.MonkeyPatch) -> None:
    message = exit_message(monkeypatch, "look", "conv_stem", "cat.png", "--any")
    assert message == "graft: `graft look` is now `graft inspect`, with the same arguments"


def test_shipped_params_are_the_default_preset() -> None:
    assert write_values(read_preset("solar-cells")[0], Path("params.yaml")) == []


def test_another_network_is_taken_into_use(monkeypatch: pytest.MonkeyPatch) -> None:
    done = CliRunner().invoke(cli.app, ["use", "solar-cells-random", "--backbone", "resnet18"])
    assert done.exit_code == 0, done.output
    assert "backbone.name: tf_efficientnet_lite0 -> resnet18" in done.output
    values = params.load(Path("params.yaml"))
    assert (values["embed"]["layers"], values["embed"]["standardise"]) == (["layer3", "layer4"], True)
    assert values["split"]["by"] == "random"
    assert exit_message(monkeypatch, "use") == (
        "graft: name what to use: a folder, an archive, an address, a preset, or --backbone NAME"
    )


def test_two_networks_side_by_side_are_taken_into_use_and_given_up_again() -> None:
    before = Path("params.yaml").read_text().replace("   # as their owner states it", "")
    done = CliRunner().invoke(cli.app, ["use", "solar-cells", "--backbone", "accurate"])
    assert done.exit_code == 0, done.output
    names = [one["name"] for one in params.load(Path("params.yaml"))["backbone"]]
    assert names == ["tf_efficientnet_lite0", "tf_efficientnet_lite2"]
    assert CliRunner().invoke(cli.app, ["use", "--backbone", "lite0"]).exit_code == 0
    assert Path("params.yaml").read_text() == before


@pytest.mark.parametrize("preset", ["solar-cells", "solar-cells-random"])
def test_every_preset_is_valid(preset: str) -> None:
    assert preset in names()
    done = CliRunner().invoke(cli.app, ["use", preset])
    assert done.exit_code == 0, done.output
    assert f"all {len(MODELS)} keys are valid" in done.output


def test_unknown_preset_suggests_the_nearest(monkeypatch: pytest.MonkeyPatch) -> None:
    message = exit_message(monkeypatch, "use", "solar-cell")
    assert message.startswith(
        "graft: 'solar-cell': nothing lies there, nor is it a preset (did you mean 'solar-cells'?)"
    )


def test_where_images_lie_is_asked_for_presets_only(monkeypatch: pytest.MonkeyPatch, project: Path) -> None:
    assert "--from belongs to a preset, and 'pet' is none (did you mean 'pets'?)" in exit_message(
        monkeypatch, "use", "pet", "--from", "x"
    )
    assert "photos is a recipe for any pictures and has none of its own" in exit_message(
        monkeypatch, "use", "photos", "--from", str(project)
    )


def test_a_preset_without_an_address_says_how_to_get_its_images(monkeypatch: pytest.MonkeyPatch) -> None:
    message = exit_message(monkeypatch, "use", "dogs-vs-cats")
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
    assert "8 pictures by name or content (8 .png)" in done.output
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


@pytest.mark.slow
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
    assert "'~nobody-here/set': nothing lies there, nor is it a preset" in exit_message(
        monkeypatch, "use", "~nobody-here/set"
    )


def test_a_linked_folder_that_changed_is_noticed(
    project: Path, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = images(tmp_path_factory.mktemp("elsewhere") / "a set")
    write_values({"source": {"uri": str(folder), "licence": "CC0"}}, project / "params.yaml")
    fetch_dataset(Source(uri=str(folder), licence="CC0"), project / "data/raw", project / ".graft/downloads")
    (folder / "cat" / ".DS_Store").touch()
    assert CliRunner().invoke(cli.app, ["check"]).exit_code == 0
    (folder / "cat" / "9.png").touch()
    assert f"the folder {folder} has changed since `download` linked it; run `graft use '{folder}'`" in exit_message(
        monkeypatch, "check"
    )
    assert CliRunner().invoke(cli.app, ["use", str(folder)]).exit_code == 0  # as advised
    assert CliRunner().invoke(cli.app, ["check"]).exit_code == 0
    (folder / "cat" / "8.png").touch()
    assert f"the folder {folder} has changed since source.sha256 was written" in exit_message(monkeypatch, "check")
    shutil.rmtree(folder)
    assert f"source.uri: nothing lies at {folder}: bring it back" in exit_message(monkeypatch, "check")


def test_another_source_is_not_held_to_the_folder_linked_before(
    project: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    before = images(tmp_path_factory.mktemp("elsewhere") / "before")
    fetch_dataset(Source(uri=str(before), licence="CC0"), project / "data/raw", project / ".graft/downloads")
    (before / "cat" / "9.png").touch()
    assert CliRunner().invoke(cli.app, ["check"]).exit_code == 0  # params.yaml names a package


def test_check_says_what_the_launch_means(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    monkeypatch.setenv("GRAFT_LAUNCH", "--nproc-per-node 2")
    done = CliRunner().invoke(cli.app, ["check"])
    assert done.output.endswith("GRAFT_LAUNCH: embed, finetune and evaluate run as 2 processes on this machine\n")
    monkeypatch.setenv("GRAFT_LAUNCH", "torchrun -n 2")
    assert "GRAFT_LAUNCH='torchrun -n 2': " in exit_message(monkeypatch, "check")


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
    (project / ".graft/downloads/look/left by a run that was killed").mkdir(parents=True)
    done = CliRunner().invoke(cli.app, ["use", "dogs-vs-cats", "--from", archive])
    assert done.exit_code == 0, done.output
    source = params.load(project / "params.yaml")["source"]
    assert source["bytes"] == Path(archive).stat().st_size
    assert source["sha256"] == hashlib.sha256(Path(archive).read_bytes()).hexdigest()
    assert source["uri"] == archive
    assert not list((project / ".graft/downloads").glob("look*"))


def test_images_must_not_lie_where_dvc_would_delete_them(monkeypatch: pytest.MonkeyPatch, project: Path) -> None:
    images(project / "data/raw")
    assert "lie one within the other; move the pictures elsewhere" in exit_message(monkeypatch, "use", "data/raw")
