"""Several backbones side by side are one network: fetched, joined, trained on, saved, exported, mapped."""

import copy
import json
from pathlib import Path

import numpy as np
import onnxruntime
import pytest
import torch
from safetensors.torch import save_file

from graft.augment.config import Augment
from graft.backbone.build import parts
from graft.backbone.config import Backbone
from graft.backbone.weights import fetch_all
from graft.core.errors import ExportError, ParamsError
from graft.export import formats
from graft.export.onnx import export_onnx
from graft.finetune.config import Finetune
from graft.finetune.step import Step, load_trainable
from graft.images.decode import Square
from graft.network.config import Embed
from graft.network.features import Features
from graft.network.head import Description, linear_head, save
from graft.network.network import Joint, Network, load, named_layers, pretrained
from graft.report.heat_maps import find_grid_layers, heat_maps
from graft.tasks import Decision, make_task
from tests.network.tiny_network import made

NAMES = ["test_efficientnet", "test_convnext"]
CONFIG = Embed(size=64, layers=["blocks.3", "stages.2"], pools=["mean", "max"])
CLASSES = ["a", "b", "c"]


@pytest.fixture(scope="module")
def backbones(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Both networks as `download` leaves them, the second's images normalised otherwise than the first's."""
    folder = tmp_path_factory.mktemp("backbones")
    for name in NAMES:
        save_file(made(name), folder / f"{name}.safetensors")
    listed = [Backbone(name=name, weights=str(folder / f"{name}.safetensors"), licence="none") for name in NAMES]
    joint = folder / "joint"
    joint.mkdir()
    assert [facts["name"] for facts in fetch_all(listed, joint)] == NAMES
    for name, one in zip(NAMES, listed, strict=True):
        (folder / name).mkdir()
        fetch_all([one], folder / name)
    for file in (joint / "2/backbone.json", folder / NAMES[1] / "backbone.json"):
        facts = json.loads(file.read_text()) | {"mean": [0.2, 0.4, 0.6], "std": [0.3, 0.2, 0.1]}
        file.write_text(json.dumps(facts))
    return folder


@pytest.fixture(scope="module")
def images() -> torch.Tensor:
    return torch.rand((4, 3, 64, 64), generator=torch.Generator().manual_seed(2))


@pytest.fixture
def head(backbones: Path, images: torch.Tensor, tmp_path: Path) -> Path:
    """A head on the features of both, as `train-head` leaves it."""
    network, description = pretrained(backbones / "joint", CONFIG)
    with torch.inference_mode():
        features = network(images)
    moments = features.mean(0).clone(), features.std(0).clone() + 1e-3
    weight = torch.randn((features.shape[1], 3), generator=torch.Generator().manual_seed(0))
    (tmp_path / "head").mkdir()
    fitted = linear_head(weight / len(weight) ** 0.5, torch.zeros(3), moments)
    save(tmp_path / "head", fitted, description.model_copy(update={"classes": CLASSES}))
    return tmp_path / "head"


@pytest.fixture
def whole(backbones: Path, head: Path) -> tuple[Network, Description]:
    return load_trainable(backbones / "joint", head, Finetune(freeze=["conv_stem", "stem"]))


@pytest.mark.parametrize("standardise", [False, True])
def test_features_are_those_of_each_alone_one_after_another(
    backbones: Path, images: torch.Tensor, standardise: bool
) -> None:
    config = CONFIG.model_copy(update={"standardise": standardise})
    joint, description = pretrained(backbones / "joint", config)
    shares = (["blocks.3"], ["stages.2"])
    alone = [
        pretrained(backbones / name, config.model_copy(update={"layers": layers}))
        for name, layers in zip(NAMES, shares, strict=True)
    ]
    with torch.inference_mode():
        expected = torch.cat([network(images) for network, _ in alone], dim=1)
        assert torch.equal(joint(images), expected)
    assert description.backbone == "test_efficientnet + test_convnext"
    assert description.members == [one for _, one in alone]
    assert parts(backbones / "joint") == [backbones / "joint/1", backbones / "joint/2"]


def test_a_layer_counts_for_each_that_has_it(backbones: Path) -> None:
    network, _ = pretrained(backbones / "joint", CONFIG.model_copy(update={"layers": ["stages.2"]}))
    assert [part.layers for part in network.parts.values()] == [[], ["stages.2"]]
    with pytest.raises(ParamsError, match=r"embed.layers: the backbone has no layer 'stages.9'"):
        pretrained(backbones / "joint", CONFIG.model_copy(update={"layers": ["stages.9"]}))


def test_layers_are_named_by_the_number_of_their_backbone(whole: tuple[Network, Description]) -> None:
    names = named_layers(whole[0])
    assert {"1.conv_stem", "1.blocks.3", "2.stages.2", "head.linear"} <= names.keys()
    assert isinstance(whole[0].part_of("2.stages.2"), Features)
    assert whole[0].part_of("2.stages.2") is list(whole[0].parts.values())[1]


def test_a_step_trains_both_but_what_is_frozen(whole: tuple[Network, Description]) -> None:
    network, _ = whole
    before = {name: value.clone() for name, value in network.named_parameters()}
    targets, task = np.arange(4) % 3, make_task(CLASSES, False)
    config = Finetune(precision="fp32")
    step = Step(network, task, targets, config, Augment(), 1e-2)
    rates = step.learning_rates()
    deepest = {name: max(rates[one] for one in rates if one.startswith(f"body.{name}.")) for name in (1, 2)}
    assert 0 < deepest[1] < 5e-3
    assert 0 < deepest[2] < 5e-3
    step.train_mode()
    step.backward(torch.zeros((4, 64, 64, 3), dtype=torch.uint8), torch.from_numpy(targets), 64, 0, 4)
    step.update()
    changed = {name for name, value in network.named_parameters() if not torch.equal(value, before[name])}
    for member in (0, 1):
        assert any(name.startswith(f"features.members.{member}.") for name in changed)
    assert not [name for name in changed if ".conv_stem." in name or ".stem." in name]


@pytest.mark.slow
def test_it_is_saved_loaded_and_exported_without_a_change(
    whole: tuple[Network, Description], images: torch.Tensor, tmp_path: Path
) -> None:
    network, description = whole
    (tmp_path / "whole").mkdir()
    save(tmp_path / "whole", network, description)
    again, loaded = load(tmp_path / "whole")
    assert isinstance(again.features, Joint)
    assert loaded == description
    with torch.inference_mode():
        assert torch.equal(again(images), network(images))
        assert torch.equal(copy.deepcopy(network)(images), network(images))
        expected = network(torch.full((2, 3, 64, 64), 128 / 255)).softmax(1).numpy()
    export_onnx(again, make_task(CLASSES, False), 64, 64, Decision(), tmp_path / "model.onnx")
    session = onnxruntime.InferenceSession(tmp_path / "model.onnx", providers=["CPUExecutionProvider"])
    found = session.run(None, {"pixels": np.full((2, 64, 64, 3), 128, dtype=np.uint8)})[0]
    np.testing.assert_allclose(found, expected, atol=1e-4)


def test_both_tell_where_they_look(whole: tuple[Network, Description], images: torch.Tensor) -> None:
    network, _ = whole
    found = {layer.name.partition(".")[0] for layer in find_grid_layers(network, images)}
    assert found == {"1", "2"}
    heat = heat_maps(network, images, torch.tensor([0, 1, 2, 0]))
    assert heat.shape == (4, 64, 64)
    assert heat.max() == 1


def test_timm_cannot_hold_it(whole: tuple[Network, Description], tmp_path: Path) -> None:
    with pytest.raises(ExportError, match=r"several networks side by side \(backbone, finetune"):
        formats.write("timm", tmp_path, formats.Exported(*whole, Square(64), Decision(), tmp_path, {}))
