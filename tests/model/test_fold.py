"""Folding batch norms changes the speed of a network, not what it computes."""

import pytest
import torch
from torch import nn

from graft.errors import WeightsError
from graft.model.fold import find_pairs, fold_batch_norms


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


class Shared(nn.Module):
    """A convolution read by a norm and by a sum: folding would change the sum."""

    def __init__(self) -> None:
        super().__init__()
        self.conv, self.norm = nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4)

    def forward(self, pictures: torch.Tensor) -> torch.Tensor:
        found = self.conv(pictures)
        total: torch.Tensor = self.norm(found) + found
        return total


def test_folded_network_computes_the_same(example: torch.Tensor) -> None:
    model = settled(nn.Sequential(nn.Conv2d(3, 4, 3, bias=False), nn.BatchNorm2d(4), nn.ReLU(), nn.Conv2d(4, 2, 3)))
    before = model(example)
    assert fold_batch_norms(model, example) == 1
    assert not any(isinstance(module, nn.BatchNorm2d) for module in model.modules())
    torch.testing.assert_close(model(example), before, rtol=1e-5, atol=1e-5)


def test_norm_that_reads_no_convolution_stays(example: torch.Tensor) -> None:
    model = settled(nn.Sequential(nn.BatchNorm2d(3), nn.Conv2d(3, 2, 1), nn.ReLU(), nn.BatchNorm2d(2)))
    assert find_pairs(model, example) == []


def test_output_used_elsewhere_is_noticed(example: torch.Tensor) -> None:
    with pytest.raises(WeightsError, match="folding 1 batch norms changed the outputs"):
        fold_batch_norms(settled(Shared()), example)


def test_hooks_are_gone_afterwards(example: torch.Tensor) -> None:
    model = settled(nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4)))
    find_pairs(model, example)
    assert not any(module._forward_hooks or module._forward_pre_hooks for module in model.modules())


@pytest.fixture
def example() -> torch.Tensor:
    return torch.randn((2, 3, 16, 16), generator=torch.Generator().manual_seed(0))
