"""Training on several processes, each of which computes its part of every batch, as one would compute all of it.

Gradients are summed by torch's DistributedDataParallel. What a network does not do image by image is seen to as
torch calls it: dropout and stochastic depth draw for the whole batch, and batch norms measure it.
"""

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from typing import Any

import torch
import torch.nn.functional as F
from torch import nn
from torch.nn.parallel import DistributedDataParallel
from torch.overrides import TorchFunctionMode

from graft.core.errors import ParamsError
from graft.finetune.config import Finetune
from graft.network.distributed import total, world
from graft.network.network import Network
from graft.optim.batches import Part

Forward = Callable[[torch.Tensor], torch.Tensor]


def replicated(network: Network, config: Finetune) -> nn.Module:
    """Have backward passes take the mean of the gradients of all processes; alone, return the network as it is.

    Raises:
        ParamsError: it is to be compiled, which hides from Python what must be shared.
    """
    if world() == 1:
        return network
    if config.compile:
        raise ParamsError(
            "finetune.compile: true compiles for one process, and GRAFT_LAUNCH asks for several; drop one"
        )
    # buffers follow from what all processes measure together
    idle = bool(config.unfreeze) or _has_idle(network)
    return DistributedDataParallel(network, forward_sync_buffers=False, find_unused_parameters=idle)


def _has_idle(network: Network) -> bool:
    """Whether something that trains has no part in the logits, as where a body goes on behind the last layer used."""
    black = torch.zeros((1, 3, network.size, network.size), device=network.mean.device)
    training = [parameter for parameter in network.parameters() if parameter.requires_grad]
    return None in torch.autograd.grad(network(black).sum(), training, allow_unused=True)


def unsummed(network: Forward, ends_step: bool) -> AbstractContextManager[None]:
    """Within this, leave gradients as each process has them, if more of the same step is to come."""
    return nullcontext() if ends_step or not isinstance(network, DistributedDataParallel) else network.no_sync()


class WholeBatch(TorchFunctionMode):
    """Within this, the forward pass of a part of a batch does what it would do to these images among all of it.

    Args:
        part: the images; those behind its own are there to fill up, or to have any, and count for nothing.
        shown: images that go through the network, own ones first.

    Source: Ioffe & Szegedy 2015, https://arxiv.org/abs/1502.03167; torch's SyncBatchNorm, which has no form for a CPU.
    """

    def __init__(self, part: Part, shown: int) -> None:
        super().__init__()
        self.part, self.shown = part, shown

    def __torch_function__(
        self, function: Callable[..., Any], types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        """Stand in for the functions that look at a whole batch; call all others."""
        replaced: dict[Any, Callable[..., Any]] = {
            F.dropout: self._dropout,
            torch.Tensor.bernoulli_: self._bernoulli,
            F.batch_norm: self._batch_norm,
        }
        return replaced.get(function, function)(*args, **(kwargs or {}))

    def _dropout(
        self, values: torch.Tensor, p: float = 0.5, training: bool = True, inplace: bool = False
    ) -> torch.Tensor:
        if not training or p == 0 or len(values) != self.shown:
            return F.dropout(values, p, training, inplace)
        return values * self._bernoulli(torch.empty_like(values), 1 - p).div_(1 - p)

    def _bernoulli(self, into: torch.Tensor, *args: Any, **kwargs: Any) -> torch.Tensor:
        """Draw for the whole batch, and keep what is of own images."""
        if not into.ndim or len(into) != self.shown:
            return into.bernoulli_(*args, **kwargs)
        drawn = into.new_empty((self.part.whole, *into.shape[1:])).bernoulli_(*args, **kwargs)
        own = drawn[self.part.start : self.part.stop]
        into[: len(own)] = own
        into[len(own) :] = 1
        return into

    def _batch_norm(
        self,
        values: torch.Tensor,
        running_mean: torch.Tensor | None,
        running_var: torch.Tensor | None,
        weight: torch.Tensor | None = None,
        bias: torch.Tensor | None = None,
        training: bool = False,
        momentum: float = 0.1,
        eps: float = 1e-5,
    ) -> torch.Tensor:
        """Normalise by the moments of own images of all processes, in two passes."""
        if not training:
            return F.batch_norm(values, running_mean, running_var, weight, bias, training, momentum, eps)
        axes, shape = [0, *range(2, values.ndim)], [1, -1, *[1] * (values.ndim - 2)]
        wide = values.float()  # [B, C, ...]
        own = wide[: self.part.stop - self.part.start]
        count = self.part.whole * values[0, 0].numel()
        mean = _total(own.sum(axes)) / count
        variance = _total((own - mean.view(shape)).square().sum(axes)) / count
        if running_mean is not None and running_var is not None:
            with torch.no_grad():
                running_mean.lerp_(mean, momentum)
                running_var.lerp_(variance * (count / (count - 1)), momentum)
        normal = (wide - mean.view(shape)) * torch.rsqrt(variance + eps).view(shape)
        if weight is not None and bias is not None:
            normal = normal * weight.view(shape) + bias.view(shape)
        return normal.to(values.dtype)


class _Total(torch.autograd.Function):
    """The sum of a tensor over all processes, whose gradient is the sum of theirs."""

    @staticmethod
    def forward(ctx: Any, values: torch.Tensor) -> torch.Tensor:
        return total(values.clone())

    @staticmethod
    def backward(ctx: Any, gradient: torch.Tensor) -> torch.Tensor:
        return total(gradient.clone(memory_format=torch.contiguous_format))


def _total(values: torch.Tensor) -> torch.Tensor:
    summed: torch.Tensor = _Total.apply(values)  # type: ignore[no-untyped-call]
    return summed
