"""Every parameter has one depth, depths follow the forward pass, and rates fall from the head to the stem."""

import copy

import pytest
import torch
from torch import nn

from graft.backbone.build import create, native_size
from graft.core.errors import ParamsError
from graft.finetune.parameter_groups import by_depth, freeze, merge_groups, parameter_groups
from graft.network.network import Network

pytestmark = pytest.mark.slow

NETWORKS = [
    "alexnet",
    "torchvision/resnet18",
    "torchvision/densenet121",
    "torchvision/googlenet",
    "torchvision/maxvit_t",
    "torchvision/mobilenet_v3_small",
    "torchvision/regnet_y_400mf",
    "torchvision/shufflenet_v2_x0_5",
    "torchvision/squeezenet1_1",
    "torchvision/swin_t",
    "torchvision/vgg11_bn",
    "torchvision/vit_b_32",
    "resnet18",
    "rdnet_tiny",
    "test_vit",
]


@pytest.mark.parametrize("name", NETWORKS)
def test_depths_follow_the_forward_pass(name: str) -> None:
    body = create(name)
    depths = by_depth(body)
    assert list(depths) == list(range(len(depths)))
    assert len(depths) >= 4
    depth_of = {parameter: depth for depth, inside in depths.items() for parameter in inside}
    assert sorted(depth_of) == sorted(parameter for parameter, _ in body.named_parameters())
    assert sum(map(len, depths.values())) == len(depth_of)
    # the first layer of each depth runs after the first of the depth before
    ran: list[int] = []
    watched = copy.deepcopy(body).to("meta")
    for layer, module in watched.named_modules():
        own = [key for key, _ in module.named_parameters(recurse=False)]
        if own and not list(module.children()):

            def note(*_: object, depth: int = depth_of[f"{layer}.{own[0]}"]) -> None:
                ran.append(depth)

            module.register_forward_hook(note)
    side = native_size(name)
    watched(torch.zeros((2, 3, side, side), device="meta"))
    firsts = list(dict.fromkeys(ran))
    assert firsts == sorted(firsts)
    assert firsts == list(depths)


def test_resnet_by_hand() -> None:
    depths = by_depth(create("torchvision/resnet18"))
    assert [sorted({name.split(".")[0] for name in inside}) for inside in depths.values()] == [
        ["bn1", "conv1"],
        ["layer1"],
        ["layer2"],
        ["layer3"],
        ["layer4"],
    ]


def test_transformer_by_hand() -> None:
    depths = by_depth(create("torchvision/vit_b_32"))
    assert depths[0] == ["class_token", "conv_proj.weight", "conv_proj.bias", "encoder.pos_embedding"]
    assert depths[12][-2:] == ["encoder.ln.weight", "encoder.ln.bias"]


def test_norms_and_single_numbers_count_with_the_layer_before() -> None:
    body = nn.Sequential(nn.BatchNorm2d(3), nn.Conv2d(3, 4, 1), nn.BatchNorm2d(4), nn.PReLU(), nn.Conv2d(4, 4, 1))
    assert by_depth(body) == {
        0: ["0.weight", "0.bias", "1.weight", "1.bias", "2.weight", "2.bias", "3.weight"],
        1: ["4.weight", "4.bias"],
    }


def test_network_of_norms_alone_has_one_depth() -> None:
    assert by_depth(nn.Sequential(nn.LayerNorm(3))) == {0: ["0.weight", "0.bias"]}


def test_rates_fall_geometrically_from_head_to_stem(network: Network) -> None:
    assert network.head is not None
    groups = parameter_groups(network, peak=1.0, ratio=100.0, weight_decay=0.1)
    depth = {group["name"]: group["lr"] for group in groups}
    body = [rate for name, rate in depth.items() if name.startswith("body.")]
    assert body[0] == pytest.approx(1 / 100)
    steps = [later / sooner for sooner, later in zip(body, [*body[1:], 1.0], strict=True)]
    assert steps == pytest.approx([100 ** (1 / len(body))] * len(body))
    assert depth["head"] == pytest.approx(1 / network.head.linear.in_features**0.5)
    assert depth["head.bias"] == 1.0


def test_every_trained_parameter_is_in_exactly_one_group(network: Network) -> None:
    freeze(network, ["conv_stem"])
    grouped = [parameter for group in parameter_groups(network, 1.0, 10.0, 0.1) for parameter in group["params"]]
    trained = [parameter for parameter in network.parameters() if parameter.requires_grad]
    assert sorted(map(id, grouped)) == sorted(map(id, trained))


def test_without_decay_all_is_trained(network: Network) -> None:
    grouped = [parameter for group in parameter_groups(network, 1.0, 10.0, 0.0) for parameter in group["params"]]
    assert sorted(map(id, grouped)) == sorted(map(id, network.parameters()))


def test_vectors_do_not_decay(network: Network) -> None:
    for group in parameter_groups(network, 1.0, 10.0, 0.1):
        dimensions = {parameter.ndim > 1 for parameter in group["params"]}
        assert dimensions == {group["weight_decay"] > 0}


@pytest.mark.parametrize(
    ("ratio", "decay", "some_agree"), [(10.0, 0.1, False), (10.0, 0.0, True), (1.0, 0.1, True), (1.0, 0.0, True)]
)
def test_groups_of_equal_rate_and_decay_are_joined(
    network: Network, ratio: float, decay: float, some_agree: bool
) -> None:
    groups = parameter_groups(network, 1.0, ratio, decay)
    merged = merge_groups(groups)
    kinds = {(group["lr"], group["weight_decay"]) for group in groups}
    assert len(merged) == len(kinds)
    assert (len(merged) < len(groups)) is some_agree
    of_parameter = {id(parameter): group for group in merged for parameter in group["params"]}
    for group in groups:
        for parameter in group["params"]:
            found = of_parameter.pop(id(parameter))
            assert (found["lr"], found["weight_decay"]) == (group["lr"], group["weight_decay"])
            assert group["name"] in found["names"]
    assert not of_parameter


def test_pattern_that_freezes_nothing_is_an_error(network: Network) -> None:
    with pytest.raises(ParamsError, match=r"finetune.freeze: 'block.9' matches no parameter; the backbone has blocks"):
        freeze(network, ["conv_stem", "block.9"])


def test_a_norm_that_is_folded_may_be_named_and_a_misspelt_one_not(network: Network) -> None:
    freeze(network, ["conv_stem", "bn1"])  # the norm's shift is the convolution's bias now
    assert not any(one.requires_grad for one in network.features.body.conv_stem.parameters())  # type: ignore[union-attr]
    with pytest.raises(ParamsError, match=r"'bn7' matches no parameter"):
        freeze(network, ["conv_stem", "bn7"])
