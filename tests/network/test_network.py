"""A network is built, taken apart, saved and loaded without a change to what it computes."""

import copy
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file
from torch import nn

from graft.backbone.config import Backbone
from graft.backbone.weights import fetch_weights
from graft.core.errors import ParamsError, WeightsError
from graft.network.config import Embed, HeadKind
from graft.network.features import Features
from graft.network.head import Description, Head, describe, load_head, make_head, save
from graft.network.network import (
    Network,
    grafted,
    load,
    named_layers,
    pretrained,
    watch_layers,
    width,
    without_exposure,
)
from tests.network.tiny_network import TINY, full_state

CONFIG = Embed(size=64, layers=["blocks.3", "blocks.4"], pools=["mean", "max"])


@pytest.fixture(scope="module")
def backbone(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tiny backbone with weights made on the spot, as `download` would leave it."""
    folder = tmp_path_factory.mktemp("backbone")
    generator = torch.Generator().manual_seed(0)
    state = {}
    for name, tensor in full_state("test_efficientnet").items():
        if not tensor.is_floating_point():
            state[name] = torch.tensor(1)
        elif name.endswith(("running_var", "bn1.weight", "bn2.weight", "bn3.weight")):
            state[name] = torch.rand(tensor.shape, generator=generator) + 0.5
        else:
            state[name] = torch.randn(tensor.shape, generator=generator) * 0.2
    save_file(state, folder / "made.safetensors")
    chosen = Backbone(name="test_efficientnet", weights=str(folder / "made.safetensors"), licence="none")
    fetch_weights(chosen, folder)
    return folder


@pytest.fixture(scope="module")
def images() -> torch.Tensor:
    return torch.rand((3, 3, 64, 64), generator=torch.Generator().manual_seed(2))


def make(backbone: Path) -> tuple[Network, Description]:
    body, description = pretrained(backbone, CONFIG)
    torch.manual_seed(0)
    head = Head(width(body), 3)
    head.mean, head.scale = torch.full_like(head.mean, 0.1), torch.full_like(head.scale, 2.0)
    description = description.model_copy(update={"classes": ["a", "b", "c"]})
    return grafted(backbone, description, head), description


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["linear", "mlp", "fastai"])
def test_saved_network_loads_and_answers_the_same(
    backbone: Path, images: torch.Tensor, tmp_path: Path, kind: HeadKind
) -> None:
    network, description = make(backbone)
    if kind != "linear":
        description = description.model_copy(update={"head": kind, "hidden": 8})
        network = grafted(backbone, description, make_head(description, width(pretrained(backbone, CONFIG)[0]), 3))
    save(tmp_path, network, description)
    again, loaded = load(tmp_path)
    assert loaded == description
    with torch.inference_mode():
        assert torch.equal(again(images), network(images))


def test_features_are_the_last_ones_then_each_layer_pooled(backbone: Path, images: torch.Tensor) -> None:
    network, _ = pretrained(backbone, CONFIG)
    body = network.parts[""].body
    normalised = (images - network.mean) / network.std
    with torch.inference_mode():
        features = network(images)
        last, grids = body.forward_intermediates(normalised, indices=[3, 4])  # type: ignore[operator]
        pooled = body(normalised)
    wanted = [pooled]
    for grid in grids:
        wanted += [grid.flatten(2).mean(2), grid.flatten(2).max(2).values]
    torch.testing.assert_close(features, torch.cat(wanted, 1))
    assert last.shape[0] == 3


def test_copy_of_a_network_keeps_its_own_features(backbone: Path, images: torch.Tensor) -> None:
    network, _ = make(backbone)
    twin = copy.deepcopy(network)
    for parameter in twin.parts[""].body.parameters():
        parameter.data.mul_(1.5)
    with torch.inference_mode():
        before = network(images)
        changed = twin(images)
        assert torch.equal(network(images), before)
    assert not torch.allclose(changed, before)


def test_unknown_layer_suggests_the_nearest(backbone: Path) -> None:
    with pytest.raises(ParamsError, match=r"no layer 'block.3' \(did you mean 'blocks.3'"):
        pretrained(backbone, Embed(size=64, layers=["block.3"]))


def test_head_standardises_then_classifies(tmp_path: Path) -> None:
    head = Head(2, 2)
    head.mean, head.scale = torch.tensor([1.0, 2.0]), torch.tensor([2.0, 4.0])
    with torch.no_grad():
        head.linear.weight.copy_(torch.tensor([[1.0, 0.0], [1.0, 1.0]]))
        head.linear.bias.copy_(torch.tensor([0.5, 0.0]))
    # ((3 - 1) / 2, (6 - 2) / 4) = (1, 1)
    assert head(torch.tensor([[3.0, 6.0]])).tolist() == [[1.5, 2.0]]
    loaded = Description(
        backbone="x", mean=[0.5], std=[0.5], standardise=False, size=64, layers=[], pools=["mean"], classes=["a", "b"]
    )
    save(tmp_path, head, loaded)
    again, _ = load_head(tmp_path)
    assert torch.equal(again(torch.ones(1, 2)), head(torch.ones(1, 2)))


def test_weights_of_another_network_are_refused(backbone: Path, tmp_path: Path) -> None:
    network, description = make(backbone)
    save(tmp_path, network, description.model_copy(update={"layers": ["blocks.3"]}))
    save_file(
        {name: value for name, value in network.state_dict().items() if "blocks.0" not in name},
        tmp_path / "model.safetensors",
    )
    with pytest.raises(WeightsError, match="does not fit"):
        load(tmp_path)
    assert describe(tmp_path).layers == ["blocks.3"]


def test_exposure_is_taken_out(images: torch.Tensor) -> None:
    darker = images * 0.3 - 0.2
    torch.testing.assert_close(without_exposure(darker), without_exposure(images), rtol=0.2, atol=0.08)
    flat = without_exposure(torch.full((1, 3, 8, 8), 0.7))
    assert flat.abs().max() < 1e-4


def test_standardising_network_ignores_brightness(backbone: Path, images: torch.Tensor) -> None:
    plain, _ = pretrained(backbone, CONFIG)
    blind, description = pretrained(backbone, CONFIG.model_copy(update={"standardise": True}))
    assert description.standardise
    with torch.inference_mode():
        moved = [
            (network(images) - network(images + 0.1)).norm() / network(images).norm() for network in (plain, blind)
        ]
    assert moved[1] < moved[0] / 10


def test_the_head_computes_in_float32_whatever_the_body_does(backbone: Path, images: torch.Tensor) -> None:
    network, _ = make(backbone)
    with torch.no_grad(), torch.autocast("cpu", dtype=torch.bfloat16):
        logits = network(images)
        features = network.features((images - network.mean) / network.std)
    assert network.head is not None
    assert logits.dtype == torch.float32
    with torch.no_grad():
        assert torch.equal(logits, network.head(features.float()))


def test_layers_of_body_and_head_by_name_and_in_the_order_they_end() -> None:
    inner = nn.Sequential(nn.Conv2d(3, 4, 3), nn.ReLU())
    body = nn.Sequential(inner, nn.AdaptiveAvgPool2d(1), nn.Flatten())
    network = Network(Features(body, [], ["mean"]), Head(4, 2), TINY).eval()
    layers = named_layers(network)
    assert list(layers) == ["0", "0.0", "0.1", "1", "2", "head", "head.hidden", "head.hidden.0", "head.linear"]
    ended: list[str] = []
    with watch_layers(layers, lambda name, output: ended.append(f"{name} {tuple(getattr(output, 'shape', ()))}")):
        network(torch.zeros(1, 3, 8, 8))
    assert ended == [
        "0.0 (1, 4, 6, 6)",
        "0.1 (1, 4, 6, 6)",
        "0 (1, 4, 6, 6)",
        "1 (1, 4, 1, 1)",
        "2 (1, 4)",
        "head.hidden.0 (1, 4)",
        "head.hidden (1, 4)",
        "head.linear (1, 2)",
        "head (1, 2)",
    ]
    network(torch.zeros(1, 3, 8, 8))
    assert len(ended) == 9  # nobody watches any more


def test_a_name_that_both_have_is_the_bodys_and_a_network_may_have_no_head() -> None:
    body = nn.Module()
    body.head = nn.Identity()
    features = Features(body, [], ["mean"])
    assert named_layers(Network(features, Head(4, 2), TINY))["head"] is body.head
    assert list(named_layers(Network(features, None, TINY))) == ["head"]
