"""Train little of a pretrained network: low-rank additions to its linear layers, or its norms alone.

An addition stands beside a layer's weight while it trains and becomes part of it afterwards, so that all that
evaluates, exports or serves the network sees a plain one.

Source: Hu et al. 2021, https://arxiv.org/abs/2106.09685; the layers are wrapped by torch.nn.utils.parametrize. The
library PEFT does the same, but depends on transformers, tokenizers and accelerate, all for these few lines.
"""

from collections.abc import Sequence

import torch
from torch import nn
from torch.nn.utils import parametrize

from graft.core.errors import ParamsError
from graft.core.seeds import derive
from graft.finetune.config import Finetune
from graft.network.network import Network

SCALE = 2.0
"""What an addition is multiplied by, whatever its rank: the usual alpha of twice the rank."""


class LowRank(nn.Module):
    """A weight `[O, I]` plus the product of two thin matrices, `[O, R]` and `[R, I]`; it begins at zero.

    Args:
        weight: what is added to.
        rank: R.
        generator: draws the second matrix; the first is zero.
    """

    def __init__(self, weight: torch.Tensor, rank: int, generator: torch.Generator) -> None:
        super().__init__()
        rows, columns = weight.shape
        bound = columns**-0.5
        drawn = torch.empty((rank, columns), dtype=weight.dtype).uniform_(-bound, bound, generator=generator)
        self.down = nn.Parameter(drawn.to(weight.device))
        self.up = nn.Parameter(torch.zeros((rows, rank), dtype=weight.dtype, device=weight.device))

    def forward(self, weight: torch.Tensor) -> torch.Tensor:
        """Add the product to the weight `[O, I]`."""
        return weight + SCALE * (self.up @ self.down)


def adapt(network: Network, config: Finetune, seed: int) -> None:
    """Restrict what trains of a network's body, beside its head, to what `finetune.method` says.

    Args:
        network: with the weights to begin from; what `finetune.freeze` names requires no gradient and gets no addition.
        seed: root of all draws.

    Raises:
        ParamsError: nothing of the body is left to train.
    """
    if config.method == "full":
        return
    bodies = [part.body for part in network.parts.values()]
    if config.method == "lora":
        linear = linear_layers(bodies)
        _stop(bodies)
        generator = torch.Generator().manual_seed(derive(seed, "lora"))
        for module in linear:
            parametrize.register_parametrization(module, "weight", LowRank(module.weight, config.lora_rank, generator))
        return
    norms = [module for body in bodies for module in body.modules() if "norm" in type(module).__name__.lower()]
    affine = [own for norm in norms for own in norm.parameters(recurse=False) if own.requires_grad]
    if not affine:
        raise ParamsError(
            "finetune.method: 'norms' trains norms, and the backbone has none that finetune.freeze leaves "
            "(batch norms are part of the convolutions before them unless batch_norm is 'train')"
        )
    _stop(bodies)
    for parameter in affine:
        parameter.requires_grad_(True)


def linear_layers(bodies: Sequence[nn.Module], backbone: str = "the backbone") -> list[nn.Linear]:
    """Linear layers whose weights train, which low-rank additions are for.

    Args:
        backbone: what it is called in the error.

    Raises:
        ParamsError: there are none.
    """
    modules = (module for body in bodies for module in body.modules())
    found = [module for module in modules if isinstance(module, nn.Linear) and module.weight.requires_grad]
    if not found:
        raise ParamsError(
            f"finetune.method: 'lora' adds to linear layers, and {backbone} has none that finetune.freeze leaves; "
            "use full, which trains convolutions too, or a vision transformer or ConvNeXt as the backbone"
        )
    return found


def _stop(bodies: Sequence[nn.Module]) -> None:
    for body in bodies:
        body.requires_grad_(False)


def merge(network: Network) -> Network:
    """Make additions part of the weights that they are added to, in place; a network without any stays as it is."""
    for module in network.modules():
        if parametrize.is_parametrized(module, "weight"):
            parametrize.remove_parametrizations(module, "weight", leave_parametrized=True)
    return network
