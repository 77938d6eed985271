"""Folding batch norms changes the speed of a network, not what it computes."""

from collections.abc import Callable

import pytest
import torch
from torch import nn

from graft.backbone.build import create
from graft.core.errors import WeightsError
from graft.network.fuse_bn import find_pairs, fold_batch_norms
from tests.network.tiny_network import made

# timm imports torchvision, so it must come after graft, which mends that import
from timm.layers import Conv2dSame, StdConv2d  # isort: skip

pytestmark = pytest.mark.slow


def settled(model: nn.Module) -> nn.Module:
    """Give batch norms statistics and weights that matter."""
    generator = torch.Generator().manual_seed(1)
    for module in model.modules():
        if isinstance(module, nn.BatchNorm2d):
            for tensor in (module.running_mean, module.bias):
                assert tensor is not None
                tensor.data = torch.randn(tensor.shape, generator=generator)
            for tensor in (module.running_var, module.weight):
                assert tensor is not None
                tensor.data = torch.rand(tensor.shape, generator=generator) + 0.5
    return model.eval()


Step = Callable[[nn.Module, nn.Module, torch.Tensor], torch.Tensor]


class Wired(nn.Module):
    """A convolution from three channels to three and a norm, wired in some way."""

    def __init__(self, wire: Step, conv: nn.Module | None = None) -> None:
        super().__init__()
        self.conv = conv or nn.Conv2d(3, 3, 3, padding=1)
        self.norm = nn.BatchNorm2d(3)
        self.wire = wire

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        return self.wire(self.conv, self.norm, images)


def summed(conv: nn.Module, norm: nn.Module, images: torch.Tensor) -> torch.Tensor:
    """The convolution is read by the norm and by a sum."""
    found = conv(images)
    total: torch.Tensor = norm(found) + found
    return total


def twice(conv: nn.Module, norm: nn.Module, images: torch.Tensor) -> torch.Tensor:
    """The convolution runs twice, and only once before the norm."""
    once: torch.Tensor = conv(norm(conv(images)))
    return once


def again(conv: nn.Module, norm: nn.Module, images: torch.Tensor) -> torch.Tensor:
    """The norm runs twice, and only once after the convolution."""
    once: torch.Tensor = norm(norm(conv(images)))
    return once


def changed(conv: nn.Module, norm: nn.Module, images: torch.Tensor) -> torch.Tensor:
    """The convolution's output is changed in place before the norm reads it."""
    once: torch.Tensor = norm(conv(images).relu_())
    return once


def viewed(conv: nn.Module, norm: nn.Module, images: torch.Tensor) -> torch.Tensor:
    """Something else reads the convolution's output after the norm."""
    found = conv(images)
    once: torch.Tensor = norm(found)
    once += found.mean((2, 3), keepdim=True)
    return once


def behind(conv: nn.Module, norm: nn.Module, images: torch.Tensor) -> torch.Tensor:
    once: torch.Tensor = norm(conv(images))
    return once


def elsewhere(conv: nn.Module, norm: nn.Module, images: torch.Tensor) -> torch.Tensor:
    """A number of the convolution is read where no watch can follow it."""
    once: torch.Tensor = norm(conv(images))
    once += float(conv.get_parameter("weight").detach().sum())
    return once


def test_folded_network_computes_the_same(example: torch.Tensor) -> None:
    model = settled(nn.Sequential(nn.Conv2d(3, 4, 3, bias=False), nn.BatchNorm2d(4), nn.ReLU(), nn.Conv2d(4, 2, 3)))
    before = model(example)
    assert fold_batch_norms(model, example) == 1
    assert not any(isinstance(module, nn.BatchNorm2d) for module in model.modules())
    torch.testing.assert_close(model(example), before, rtol=1e-5, atol=1e-5)


def test_norm_that_reads_no_convolution_stays(example: torch.Tensor) -> None:
    model = settled(nn.Sequential(nn.BatchNorm2d(3), nn.Conv2d(3, 2, 1), nn.ReLU(), nn.BatchNorm2d(2)))
    assert find_pairs(model, example) == []


@pytest.mark.parametrize("wire", [summed, twice, again, changed, viewed])
def test_norm_that_cannot_be_folded_alone_stays(wire: Step, example: torch.Tensor) -> None:
    model = settled(Wired(wire))
    before = model(example)
    assert fold_batch_norms(model, example) == 0
    assert torch.equal(model(example), before)


@pytest.mark.parametrize(
    "conv",
    [
        nn.ConvTranspose2d(3, 3, 3),
        nn.utils.parametrizations.weight_norm(nn.Conv2d(3, 3, 3)),
        StdConv2d(3, 3, 3),
        nn.Sequential(nn.Conv2d(3, 3, 3), nn.Dropout()),
        nn.Sequential(nn.Conv2d(3, 3, 3), nn.Identity(), nn.Hardtanh(inplace=True)),
    ],
)
def test_layer_that_is_more_than_a_convolution_is_left_alone_or_folded_rightly(
    conv: nn.Module, example: torch.Tensor
) -> None:
    model = settled(Wired(behind, conv))
    before = model(example)
    fold_batch_norms(model, example)
    torch.testing.assert_close(model(example), before, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize(
    "conv",
    [
        nn.Conv2d(3, 3, 3, groups=3),
        nn.Conv2d(3, 3, 3, stride=2, dilation=2, bias=False),
        nn.Conv2d(3, 3, 3, padding=1, padding_mode="reflect"),
        Conv2dSame(3, 3, 3, stride=2),
    ],
)
def test_convolutions_of_every_kind_are_folded(conv: nn.Module, example: torch.Tensor) -> None:
    model = settled(Wired(behind, conv))
    before = model(example)
    assert fold_batch_norms(model, example) == 1
    torch.testing.assert_close(model(example), before, rtol=1e-5, atol=1e-5)


def test_convolution_at_two_places_stays(example: torch.Tensor) -> None:
    shared = nn.Conv2d(3, 3, 3)
    assert find_pairs(settled(nn.Sequential(shared, nn.BatchNorm2d(3), shared)), example) == []
    alike = nn.Conv2d(3, 3, 3)
    alike.weight = shared.weight
    assert find_pairs(settled(nn.Sequential(shared, nn.BatchNorm2d(3), alike)), example) == []


def test_norms_of_vectors_and_without_statistics_stay(example: torch.Tensor) -> None:
    model = nn.Sequential(
        nn.Conv2d(3, 3, 3), nn.BatchNorm2d(3, track_running_stats=False), nn.Flatten(), nn.BatchNorm1d(588)
    )
    assert find_pairs(model.eval(), example) == []


def test_norm_without_weights_is_folded(example: torch.Tensor) -> None:
    model = nn.Sequential(nn.Conv2d(3, 3, 3), nn.BatchNorm2d(3, affine=False))
    assert isinstance(model[1].running_mean, torch.Tensor)
    model[1].running_mean.fill_(0.5)
    before = model.eval()(example)
    assert fold_batch_norms(model, example) == 1
    torch.testing.assert_close(model(example), before, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize(
    ("name", "folded"),
    [
        ("alexnet", 0),
        ("test_vit", 0),
        ("torchvision/vgg11_bn", 8),
        ("torchvision/densenet121", 59),
        ("test_byobnet", 14),
    ],
)
def test_whole_networks(name: str, folded: int) -> None:
    body = create(name)
    body.load_state_dict({key: tensor for key, tensor in made(name).items() if key in body.state_dict()}, assign=True)
    images = torch.randn((1, 3, 64, 64), generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        before = body(images)
        assert fold_batch_norms(body, images) == folded
        gap = (body(images) - before).abs().max() / before.abs().max()
    assert gap < 1e-4


def test_change_of_the_outputs_is_noticed(example: torch.Tensor) -> None:
    with pytest.raises(WeightsError, match="folding 1 batch norms changed the outputs"):
        fold_batch_norms(settled(Wired(elsewhere)), example)


def test_hooks_are_gone_afterwards(example: torch.Tensor) -> None:
    model = settled(nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4)))
    find_pairs(model, example)
    assert not any(module._forward_hooks or module._forward_pre_hooks for module in model.modules())


@pytest.fixture
def example() -> torch.Tensor:
    return torch.randn((2, 3, 16, 16), generator=torch.Generator().manual_seed(0))
