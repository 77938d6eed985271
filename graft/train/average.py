"""A moving average of the weights, beside those that train."""

from functools import partial

import torch
from torch import nn
from torch.optim.swa_utils import AveragedModel


def averaged(network: nn.Module, decay: float) -> AveragedModel:
    """Return a copy of a network whose weights follow it, an exponential moving average a step.

    Early on it follows faster, so that little of the start stays.

    Source: the warm-up of TensorFlow's ExponentialMovingAverage(num_updates=...).
    """
    model = AveragedModel(network)
    # the count that is passed on lies on the weights' device, for which each step would wait
    model.multi_avg_fn = partial(_average, count=model.n_averaged, decay=decay)
    return model


@torch.no_grad()
def _average(
    averaged: list[torch.Tensor], current: list[torch.Tensor], _: torch.Tensor, count: torch.Tensor, decay: float
) -> None:
    taken = int(count)
    torch._foreach_lerp_(averaged, current, 1 - min(decay, (1 + taken) / (10 + taken)))
