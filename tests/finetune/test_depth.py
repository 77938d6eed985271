"""Every parameter has one depth, and depths follow the way of a picture through the network."""

import copy

import pytest
import torch
from torch import nn

from graft.backbone.build import create, native_size
from graft.finetune.parameter_groups import by_depth

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
    place = {parameter: depth for depth, inside in depths.items() for parameter in inside}
    assert sorted(place) == sorted(parameter for parameter, _ in body.named_parameters())
    assert sum(map(len, depths.values())) == len(place)
    # the first layer of each depth runs after the first of the depth before
    ran: list[int] = []
    watched = copy.deepcopy(body).to("meta")
    for layer, module in watched.named_modules():
        own = [key for key, _ in module.named_parameters(recurse=False)]
        if own and not list(module.children()):

            def note(*_: object, depth: int = place[f"{layer}.{own[0]}"]) -> None:
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
