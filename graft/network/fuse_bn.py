"""Fuse batch norms into the convolutions before them, found by watching one forward pass."""

from collections import Counter
from collections.abc import Callable
from typing import Any

import torch
import torch.nn.functional as F
from torch import nn
from torch.nn.utils.fusion import fuse_conv_bn_weights
from torch.overrides import TorchFunctionMode
from torch.utils._pytree import tree_leaves

from graft.core.errors import WeightsError


class _Watch(TorchFunctionMode):
    """Notes which batch norm reads what which convolution wrote, and who else reads it, while it is entered.

    Layers are known by their parameters and statistics, not by their modules' calls: a module may
    compute with something else than its weight, or do more than normalise.

    Args:
        model: whose forward pass is to be run once while this is entered.
    """

    def __init__(self, model: nn.Module) -> None:
        super().__init__()
        alone = _used_once(model)
        self.convs = {
            id(layer.weight): name
            for name, layer in alone.items()
            if isinstance(layer, nn.Conv2d) and "weight" in layer._parameters  # else it is computed at every look
        }
        self.norms = {
            id(layer.running_mean): name
            for name, layer in alone.items()
            if isinstance(layer, nn.BatchNorm2d) and layer.running_mean is not None
        }
        self.ran: Counter[str] = Counter()
        self.readers: Counter[int] = Counter()
        self.written: dict[int, tuple[str, torch.Tensor]] = {}  # the tensor is kept so that its id stays its own
        self.read: list[tuple[int, str]] = []  # the id of what a norm read, and the norm

    def __torch_function__(
        self, func: Callable[..., Any], types: Any, args: Any = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        """Call `func`, and note what it read and wrote."""
        kwargs = kwargs or {}
        result = func(*args, **kwargs)
        if any(isinstance(leaf, torch.Tensor) for leaf in tree_leaves(result)):  # a question for a shape is no reader
            self.readers.update({id(leaf) for leaf in tree_leaves((args, kwargs)) if id(leaf) in self.written})
        if func is F.conv2d and (conv := self.convs.get(id(_argument(args, kwargs, 1, "weight")))):
            self.ran[conv] += 1
            self.written[id(result)] = (conv, result)
        if func in (F.batch_norm, torch.batch_norm):
            statistics = _argument(args, kwargs, 1 if func is F.batch_norm else 3, "running_mean")
            if (norm := self.norms.get(id(statistics))) is not None:
                self.ran[norm] += 1
                if (output := id(_argument(args, kwargs, 0, "input"))) in self.written:
                    self.read.append((output, norm))
        return result

    def pairs(self) -> list[tuple[str, str]]:
        """Pairs of a convolution and the norm that alone reads it, in the order in which the norms ran."""
        found = [(self.written[output][0], norm) for output, norm in self.read if self.readers[output] == 1]
        return [(conv, norm) for conv, norm in found if self.ran[conv] == self.ran[norm] == 1]


def _used_once(model: nn.Module) -> dict[str, nn.Module]:
    """Modules that, and whose parameters, occur once in a network."""
    modules = list(model.named_modules(remove_duplicate=False))
    uses = Counter(id(module) for _, module in modules)
    owners = Counter(id(parameter) for _, parameter in model.named_parameters(remove_duplicate=False))
    return {
        name: module
        for name, module in modules
        if uses[id(module)] == 1 and all(owners[id(own)] == 1 for own in module.parameters(recurse=False))
    }


def _argument(args: Any, kwargs: dict[str, Any], index: int, name: str) -> Any:
    return args[index] if len(args) > index else kwargs.get(name)


def fold_batch_norms(model: nn.Module, example: torch.Tensor) -> int:
    """Fold, in place, every batch norm whose input is exactly one convolution's output.

    Pairs are found by watching one forward pass, not by name or position, and the folded network
    is compared with the original on the same input.

    Args:
        model: in evaluation mode, with real weights.
        example: `[B, 3, H, W]`, float.

    Returns:
        How many were folded.

    Raises:
        WeightsError: the folded network computes something else.
    """
    pairs = find_pairs(model, example)
    if not pairs:
        return 0
    with torch.no_grad():
        before = model(example)
        fold_structure(model, pairs)
        after = model(example)
    gap = float((after - before).abs().max() / before.abs().max().clamp_min(1e-12))
    if not gap < 1e-3:  # more than rounding may explain
        raise WeightsError(f"folding {len(pairs)} batch norms changed the outputs by {gap:.2e} of their size")
    return len(pairs)


def find_pairs(model: nn.Module, example: torch.Tensor) -> list[tuple[str, str]]:
    """Names of (convolution, batch norm) where the second, and nothing else, reads what the first wrote.

    A convolution or norm that runs more than once, or is used twice in the network, is in no pair;
    nor is one whose weight is not what the convolution computes with, as where it is standardised first.
    """
    if not any(isinstance(module, nn.BatchNorm2d) for module in model.modules()):
        return []
    watch = _Watch(model)
    with torch.no_grad(), watch:
        model(example)
    return watch.pairs()


def fold_structure(model: nn.Module, pairs: list[tuple[str, str]]) -> None:
    """Fold pairs of (convolution, batch norm), in place, with no look at what comes out: folded weights may follow."""
    for conv_name, norm_name in pairs:
        conv, norm = model.get_submodule(conv_name), model.get_submodule(norm_name)
        assert isinstance(conv, nn.Conv2d)
        assert isinstance(norm, nn.BatchNorm2d)
        assert norm.running_mean is not None
        assert norm.running_var is not None
        conv.weight, bias = fuse_conv_bn_weights(
            conv.weight, conv.bias, norm.running_mean, norm.running_var, norm.eps, norm.weight, norm.bias
        )
        conv.bias = bias.requires_grad_()  # torch leaves it frozen where the convolution had none
        parent, _, child = norm_name.rpartition(".")
        # timm's norms carry the activation that follows them; nothing else is left of them
        setattr(model.get_submodule(parent), child, getattr(norm, "act", nn.Identity()))
