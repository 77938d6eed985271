"""`graft look` lists layers, draws them, and says what is missing."""

import shutil
from pathlib import Path
from typing import Any

import pytest
import torch
from PIL import Image
from safetensors.torch import save_file

from graft.apps.inspect.inspect import listed, look
from graft.backbone.config import Backbone
from graft.backbone.weights import fetch_weights
from graft.core import params
from graft.core.errors import DataError
from graft.network.features import Features
from graft.network.head import Head, save
from graft.network.network import Network
from tests.conftest import Draw
from tests.network.made import TINY, made, tiny_body

ROOT = Path(__file__).resolve().parents[3]


@pytest.fixture
def values(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, draw: Draw) -> dict[str, Any]:
    """A folder with params.yaml and a picture; nothing is trained."""
    monkeypatch.chdir(tmp_path)
    shutil.copy(ROOT / "params.yaml", tmp_path)
    draw(0, 60, 40).save(tmp_path / "cat.png")
    return params.load(tmp_path / "params.yaml") | {
        "embed": {"view": 64, "layers": [], "pools": ["mean"]},
        "presize": {"size": 72},
    }


@pytest.fixture
def finetuned(tmp_path: Path, values: dict[str, Any]) -> dict[str, Any]:
    """The same folder with a tiny network fine-tuned."""
    torch.manual_seed(0)
    description = TINY.model_copy(update={"classes": ["dark", "light"], "view": 64})
    folder = tmp_path / "models" / "finetuned"
    folder.mkdir(parents=True)
    save(folder, Network(Features(tiny_body(), [], ["mean"]), Head(256, 2), description), description)
    return values


def test_layers_are_listed_with_what_they_give(finetuned: dict[str, Any]) -> None:
    lines = list(listed(finetuned))
    assert lines[0].startswith(
        "layers of models/finetuned (test_efficientnet) that run, and what each gives for a view"
    )
    rows = {line.split()[0]: " ".join(line.split()[1:]) for line in lines[1:-1]}
    assert rows["conv_stem"] == "Conv2d 24 x 32 x 32 filters in colour"
    assert rows["head.linear"] == "Linear 2"
    assert not any(line.endswith(" ") for line in lines)


def test_maps_filters_and_image_are_drawn_the_same_bytes_each_time(tmp_path: Path, finetuned: dict[str, Any]) -> None:
    found = []
    for _ in range(2):
        lines = list(look(finetuned, "conv_stem", Path("cat.png")))
        (folder,) = (tmp_path / "reports/look").iterdir()
        found.append([(file.name, file.read_bytes()) for file in sorted(folder.iterdir())])
    assert [line.split(":")[0] for line in lines] == [
        f"reports/look/{folder.name}/{name}.png" for name in ("image", "conv_stem.filters", "conv_stem.maps")
    ]
    assert [name for name, _ in found[0]] == ["conv_stem.filters.png", "conv_stem.maps.png", "picture.png"]
    assert found[0] == found[1]
    assert "24 of 24 filters" in lines[1]
    assert "24 of 24 channels of 32 x 32" in lines[2]


def test_a_layer_without_a_grid_is_drawn_as_bars(tmp_path: Path, finetuned: dict[str, Any]) -> None:
    lines = list(look(finetuned, "head.linear", Path("cat.png")))
    name, said = lines[-1].split(": ")
    assert name.endswith("/head.linear.bars.png")
    assert said == "the largest of 2 numbers, which lie on no grid"
    with Image.open(tmp_path / name) as image:
        assert image.format == "PNG"


def test_images_of_one_name_do_not_overwrite_each_other(tmp_path: Path, finetuned: dict[str, Any]) -> None:
    for place in ("here", "there"):
        (tmp_path / place).mkdir()
        shutil.copy("cat.png", tmp_path / place / "cat.png")
        list(look(finetuned, "head.linear", Path(place, "cat.png")))
        list(look(finetuned, "head.linear", tmp_path / place / "cat.png"))
    assert len(list((tmp_path / "reports/look").iterdir())) == 2


def test_before_anything_is_finetuned_the_backbone_is_looked_into(tmp_path: Path, values: dict[str, Any]) -> None:
    with pytest.raises(DataError, match=r"neither models/finetuned nor models/backbone is there; run `dvc repro dow"):
        list(listed(values))
    folder = tmp_path / "models" / "backbone"
    folder.mkdir(parents=True)
    save_file(made("test_vit"), folder / "made.safetensors")
    fetch_weights(Backbone(name="test_vit", weights=str(folder / "made.safetensors"), licence="none"), folder)
    assert next(iter(listed(values))).startswith("layers of models/backbone (test_vit, nothing is fine-tuned yet)")
    lines = list(look(values, "blocks.2", Path("cat.png")))
    assert "64 of 64 channels of 4 x 4" in lines[-1]  # patches of 16 pixels; the class token is left out


def test_what_is_missing_is_named(tmp_path: Path, finetuned: dict[str, Any]) -> None:
    with pytest.raises(DataError, match=r"has no layer 'conv_steam' \(did you mean 'conv_stem'\?\)"):
        list(look(finetuned, "conv_steam", Path("cat.png")))
    with pytest.raises(DataError, match=r"dog.png: there is no such file"):
        list(look(finetuned, "conv_stem", Path("dog.png")))
    (tmp_path / "torn.png").write_bytes((tmp_path / "cat.png").read_bytes()[:60])
    with pytest.raises(DataError, match=r"torn.png: "):
        list(look(finetuned, "conv_stem", Path("torn.png")))
    assert not (tmp_path / "reports").exists()
