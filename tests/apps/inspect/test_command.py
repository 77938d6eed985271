"""The command line of `graft look`."""

import re
import shutil
import sys
from pathlib import Path

import pytest
import torch
from typer.testing import CliRunner

from graft.apps import cli
from graft.network.features import Features
from graft.network.head import Head, save
from graft.network.network import Network
from tests.conftest import Draw
from tests.network.made import TINY, tiny_body

ROOT = Path(__file__).resolve().parents[3]


@pytest.fixture(autouse=True)
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, draw: Draw) -> Path:
    """A folder with a fine-tuned network and a picture."""
    shutil.copy(ROOT / "params.yaml", tmp_path)
    monkeypatch.chdir(tmp_path)
    draw(0, 60, 40).save(tmp_path / "cat.png")
    torch.manual_seed(0)
    description = TINY.model_copy(update={"classes": ["dark", "light"], "view": 64})
    (tmp_path / "models" / "finetuned").mkdir(parents=True)
    network = Network(Features(tiny_body(), [], ["mean"]), Head(256, 2), description)
    save(tmp_path / "models" / "finetuned", network, description)
    return tmp_path


def test_without_arguments_the_layers_are_listed() -> None:
    done = CliRunner().invoke(cli.app, ["look"])
    assert done.exit_code == 0, done.output
    assert "\nconv_stem " in done.output
    assert done.output.endswith("graft look LAYER PICTURE draws what one of them gives\n")


def test_a_layer_and_an_image_are_drawn(project: Path) -> None:
    done = CliRunner().invoke(cli.app, ["look", "blocks.1", "cat.png"])
    assert done.exit_code == 0, done.output
    assert re.search(r"reports/look/cat-[0-9a-f]{8}/blocks\.1\.maps\.png: ", done.output)
    (drawn,) = (project / "reports/look").glob("cat-*/blocks.1.maps.png")
    assert drawn.is_file()


def test_a_layer_without_an_image_asks_for_one() -> None:
    done = CliRunner().invoke(cli.app, ["look", "blocks.1"])
    assert done.exit_code == 2
    assert "graft look blocks.1 PICTURE" in done.output


def test_an_unknown_layer_is_said_in_a_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "argv", ["graft", "look", "block.1", "cat.png"])
    with pytest.raises(SystemExit) as stopped:
        cli.run()
    assert str(stopped.value.code).startswith("graft: the network has no layer 'block.1' (did you mean 'blocks.1'?)")
