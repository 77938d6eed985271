"""A name finds its library; networks of both come through download, load and features whole, but for the classifier."""

from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import nn

from graft.backbone import timm_models, torchvision_models
from graft.backbone.build import create, find, load, native_size
from graft.core.errors import ParamsError, WeightsError
from graft.network.config import Embed
from graft.network.head import Head, save
from graft.network.network import load as load_network
from graft.network.network import pretrained, width
from tests.network.tiny_network import fetched

pytestmark = pytest.mark.slow

CASES = [
    ("alexnet", ".pth", "features", 4096 + 2 * 256, {"classifier.6"}),
    ("torchvision/resnet18", ".pth", "layer2", 512 + 2 * 128, {"fc"}),
    ("resnet18", ".safetensors", "layer2", 512 + 2 * 128, {"fc"}),
    ("torchvision/resnet34", ".safetensors", "layer3", 512 + 2 * 256, {"fc"}),
]


@pytest.mark.parametrize(("name", "suffix", "layer", "wide", "cut"), CASES)
def test_from_a_file_to_features(name: str, suffix: str, layer: str, wide: int, cut: set[str], tmp_path: Path) -> None:
    state = fetched(name, suffix, tmp_path)
    _, facts = load(tmp_path)
    assert {entry["name"] for entry in facts["cut_off"]} == cut
    network, description = pretrained(tmp_path, Embed(size=64, layers=[layer], pools=["mean", "max"]))
    assert width(network) == wide
    assert not any(isinstance(module, nn.BatchNorm2d) for module in network.modules())
    # against the library's own network with its classifier taken off by hand
    plain = name.removeprefix("torchvision/")
    theirs = torchvision_models.get_model(plain, weights=None)
    theirs.load_state_dict(state)
    theirs.eval()
    last = next(iter(cut)).rpartition(".")
    setattr(theirs.get_submodule(last[0]), last[2], nn.Identity())
    views = torch.rand((2, 3, 64, 64), generator=torch.Generator().manual_seed(2))
    with torch.inference_mode():
        expected = theirs((views - network.mean) / network.std)
        found = network(views)
    torch.testing.assert_close(found[:, : expected.shape[1]], expected, rtol=1e-3, atol=1e-4)
    assert expected.std() > 0.01
    # and from what is saved of it
    described = description.model_copy(update={"classes": ["a", "b"]})
    save(tmp_path, nn.ModuleDict({"features": network.features, "head": Head(wide, 2)}), described)
    again, _ = load_network(tmp_path)
    with torch.inference_mode():
        assert torch.equal(again.features((views - network.mean) / network.std), found)


def test_an_image_of_another_size_than_a_network_takes_is_refused(tmp_path: Path) -> None:
    fetched("torchvision/vit_b_32", ".safetensors", tmp_path)
    with pytest.raises(
        ParamsError, match=r"embed.size: torchvision/vit_b_32 takes no images of 64; it was made for 224 \(Wrong image"
    ):
        pretrained(tmp_path, Embed(size=64))
    network, _ = pretrained(tmp_path, Embed(size=224, layers=["encoder.layers.encoder_layer_5"]))
    assert width(network) == 768 * 2


def test_layer_that_gives_no_grid_is_refused_at_once(tmp_path: Path) -> None:
    fetched("alexnet", ".safetensors", tmp_path)
    with pytest.raises(ParamsError, match=r"embed.layers: 'classifier.1' gives \[1, 4096\], no square grid"):
        pretrained(tmp_path, Embed(size=64, layers=["classifier.1"]))


def test_layers_of_a_windowed_transformer(tmp_path: Path) -> None:
    fetched("swin_tiny_patch4_window7_224", ".safetensors", tmp_path)
    layers = ["patch_embed.proj", "layers.0.blocks.1", "layers.1"]  # channels first, last, last
    network, _ = pretrained(tmp_path, Embed(size=96, layers=layers))
    assert width(network) == 768 + 96 + 96 + 192


def test_stochastic_depth_changes_training_alone(tmp_path: Path) -> None:
    fetched("test_convnext", ".safetensors", tmp_path)
    plain, _ = load(tmp_path)
    deep, _ = load(tmp_path, drop_path=0.9)
    assert plain.state_dict().keys() == deep.state_dict().keys()
    views = torch.rand((8, 3, 64, 64), generator=torch.Generator().manual_seed(2))
    with torch.no_grad():
        assert torch.equal(plain(views), deep(views))
        torch.manual_seed(0)
        assert torch.equal(plain.train()(views), plain.eval()(views))
        assert not torch.equal(deep.train()(views), plain(views))


def test_stochastic_depth_needs_blocks_to_leave_out() -> None:
    with pytest.raises(ParamsError, match="vgg11 has no stochastic depth"):
        create("torchvision/vgg11", drop_path=0.1)


def test_native_size_is_the_librarys() -> None:
    assert native_size("torchvision/inception_v3") == 299
    assert native_size("vit_tiny_patch16_384") == 384


@pytest.mark.parametrize("wrong", ["missing", "unexpected", "of another shape"])
def test_weights_that_do_not_fit_are_refused(tmp_path: Path, wrong: str) -> None:
    fetched("test_efficientnet", ".safetensors", tmp_path)
    state = load_file(tmp_path / "model.safetensors")
    if wrong == "missing":
        del state["conv_stem.weight"]
    elif wrong == "unexpected":
        state["conv_root.weight"] = state["conv_stem.weight"].clone()
    else:
        state["conv_stem.weight"] = state["conv_stem.weight"][:1].clone()
    save_file(state, tmp_path / "model.safetensors")
    with pytest.raises(WeightsError, match=r"model\.safetensors does not fit test_efficientnet(.|\n)*conv_(stem|root)"):
        load(tmp_path)


def test_plain_name_is_timms_first() -> None:
    assert find("resnet18").library is timm_models
    assert find("resnet18.a1_in1k").name == "resnet18.a1_in1k"
    assert find("torchvision/resnet18").library is torchvision_models
    assert find("torchvision/resnet18").name == "resnet18"


def test_name_that_only_torchvision_has_needs_no_prefix() -> None:
    assert find("alexnet").library is torchvision_models


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("alexnett", r"neither timm nor torchvision has 'alexnett' \(did you mean 'alexnet'\?\)"),
        ("torchvision/resnet43", r"torchvision has no classifier 'resnet43' \(did you mean 'torchvision/resnet34'\?\)"),
        ("torchvision/fcn_resnet50", r"torchvision has no classifier 'fcn_resnet50'"),
    ],
)
def test_unknown_name_suggests_the_nearest(name: str, message: str) -> None:
    with pytest.raises(WeightsError, match="backbone.name: " + message):
        find(name)
