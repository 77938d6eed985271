"""Additions train and become part of the weights; norms train alone; all else keeps its bytes."""

import copy
from pathlib import Path

import pytest
import torch
from torch import nn

from graft.backbone.build import create
from graft.core.errors import ParamsError
from graft.data.dataset import LabelledImages
from graft.finetune.adapters import adapt, merge
from graft.finetune.config import Finetune
from graft.finetune.parameter_groups import freeze, parameter_groups
from graft.network.features import Features
from graft.network.head import Head, load_into, read_state, save
from graft.network.network import Network
from tests.finetune.conftest import DESCRIPTION
from tests.finetune.tiny_training import CONFIG, check_resumed, training
from tests.network.tiny_network import made, tiny_body

LORA = CONFIG.model_copy(update={"method": "lora", "lora_rank": 4})
NORMS = CONFIG.model_copy(update={"method": "norms"})


@pytest.fixture
def vit() -> Network:
    """A vision transformer of 64 features, for images of any size."""
    body = create("test_vit").to_empty(device="cpu")
    state = made("test_vit")
    body.load_state_dict({name: state[name] for name in body.state_dict()})
    torch.manual_seed(0)
    return Network(Features(body, [], ["mean"]), Head(64, 2), DESCRIPTION).eval()


@pytest.fixture
def views() -> torch.Tensor:
    return torch.rand((4, 3, 32, 32), generator=torch.Generator().manual_seed(0))


def trained(network: Network) -> set[str]:
    return {name for name, value in network.named_parameters() if value.requires_grad}


def test_additions_begin_as_nothing_and_leave_frozen_layers_alone(vit: Network, views: torch.Tensor) -> None:
    with torch.inference_mode():
        before = vit(views)
    freeze(vit, [r"blocks\.0\."])
    adapt(vit, LORA, seed=1)
    with torch.inference_mode():
        assert torch.equal(vit(views), before)
    body = {name for name in trained(vit) if name.startswith("features.")}
    assert body
    assert all(name.endswith((".0.up", ".0.down")) for name in body)
    assert {name.split(".")[3] for name in body} == {"1", "2", "3", "4", "5"}  # blocks
    assert {"head.linear.weight", "head.linear.bias"} <= trained(vit)


def test_additions_train_and_the_rest_keeps_its_bytes(vit: Network, images: LabelledImages) -> None:
    run = training(vit, images, LORA)
    list(run.epochs())
    adapted = dict(run.network.named_parameters())
    for name, value in vit.named_parameters():
        now = adapted.get(name, adapted.get(f"{name.removesuffix('weight')}parametrizations.weight.original"))
        assert now is not None
        assert torch.equal(now, value) == (not name.startswith("head.")), name
    additions = [value for name, value in adapted.items() if name.endswith(".up")]
    assert additions
    assert all(value.count_nonzero() for value in additions)


def test_the_merged_network_is_plain_and_answers_as_the_adapted_one(
    vit: Network, images: LabelledImages, views: torch.Tensor, tmp_path: Path
) -> None:
    run = training(vit, images, LORA, lr=1e-1)
    list(run.epochs())
    with torch.inference_mode():
        adapted = run.averaged()(views)
        plain, _ = run.result(DESCRIPTION)
        merged = plain(views)
        before = vit(views)
    torch.testing.assert_close(merged, adapted, rtol=1e-5, atol=1e-5)
    assert (merged - before).abs().max() > 1e-2
    assert plain.state_dict().keys() == vit.state_dict().keys()
    save(tmp_path, plain, DESCRIPTION)
    again = copy.deepcopy(vit)
    load_into(again, read_state(tmp_path), tmp_path)
    with torch.inference_mode():
        torch.testing.assert_close(again(views), merged)
    same = {name for name, value in vit.state_dict().items() if torch.equal(plain.state_dict()[name], value)}
    linear = {f"{name}.weight" for name, module in vit.features.named_modules() if isinstance(module, nn.Linear)}
    assert set(vit.state_dict()) - same == {f"features.{name}" for name in linear} | {
        "head.linear.weight",
        "head.linear.bias",
    }


@pytest.mark.parametrize("config", [LORA, NORMS], ids=["lora", "norms"])
def test_resumed_training_is_the_uninterrupted_one(
    vit: Network, images: LabelledImages, tmp_path: Path, config: Finetune
) -> None:
    check_resumed(vit, images, tmp_path, 1, config)


def test_norms_train_alone(vit: Network, images: LabelledImages) -> None:
    run = training(vit, images, NORMS)
    list(run.epochs())
    before = vit.state_dict()
    changed = {name for name, value in run.network.state_dict().items() if not torch.equal(value, before[name])}
    assert {"features.body.norm.weight", "features.body.blocks.0.norm1.bias", "head.linear.weight"} <= changed
    assert all("norm" in name or name.startswith("head.linear.") for name in changed)


def test_every_trained_parameter_is_in_exactly_one_group(vit: Network) -> None:
    adapt(vit, LORA, seed=0)
    grouped = [parameter for group in parameter_groups(vit, 1.0, 10.0, 0.1) for parameter in group["params"]]
    assert sorted(map(id, grouped)) == sorted(id(one) for one in vit.parameters() if one.requires_grad)


def test_another_seed_draws_other_additions(vit: Network) -> None:
    drawn = []
    for seed in (0, 0, 1):
        adapt(network := copy.deepcopy(vit), LORA, seed)
        drawn.append(network.get_parameter("features.body.blocks.0.attn.qkv.parametrizations.weight.0.down"))
    assert torch.equal(drawn[0], drawn[1])
    assert not torch.equal(drawn[0], drawn[2])


def test_a_network_without_additions_is_merged_as_it_is(vit: Network) -> None:
    before = copy.deepcopy(vit.state_dict())
    after = merge(vit).state_dict()
    assert all(torch.equal(after[name], value) for name, value in before.items())


@pytest.mark.parametrize(
    ("config", "message"),
    [(LORA, "'lora' adds to linear layers, .*use full"), (NORMS, "'norms' trains norms, .*batch_norm is")],
)
def test_a_network_of_folded_convolutions_has_neither(config: Finetune, message: str) -> None:
    network = Network(Features(tiny_body(), [], ["mean"]), Head(256, 2), DESCRIPTION)
    with pytest.raises(ParamsError, match=f"finetune.method: {message}"):
        adapt(network, config, seed=0)


def test_batch_norms_that_are_not_folded_can_train_alone() -> None:
    network = Network(Features(tiny_body(folded=False), [], ["mean"]), Head(256, 2), DESCRIPTION)
    adapt(network, NORMS.model_copy(update={"batch_norm": "train"}), seed=0)
    assert {"features.body.bn1.weight", "features.body.bn1.bias"} <= trained(network)
    assert not any("conv" in name for name in trained(network))
