"""Watch a forward pass: which batch norm reads what which convolution wrote, and who else reads it."""

from collections import Counter
from collections.abc import Callable
from typing import Any

import torch
import torch.nn.functional as F
from torch import nn
from torch.overrides import TorchFunctionMode
from torch.utils._pytree import tree_leaves


class Watch(TorchFunctionMode):
    """Sees every call of torch while it is entered, and keeps those of convolutions and batch norms.

    Layers are known by their parameters and statistics, not by their modules' calls: a module may
    compute with something else than its weight, or do more than normalise.

    Args:
        model: whose forward pass is to be run once while this is entered.
    """

    def __init__(self, model: nn.Module) -> None:
        super().__init__()
        alone = _at_one_place(model)
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
        self.read: list[tuple[int, str]] = []

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
            self._note_norm(args, kwargs, 1 if func is F.batch_norm else 3)
        return result

    def pairs(self) -> list[tuple[str, str]]:
        """Pairs of a convolution and the norm that alone reads it, in the order in which the norms ran."""
        found = [(self.written[made][0], norm) for made, norm in self.read if self.readers[made] == 1]
        return [(conv, norm) for conv, norm in found if self.ran[conv] == self.ran[norm] == 1]

    def _note_norm(self, args: Any, kwargs: dict[str, Any], place: int) -> None:
        norm = self.norms.get(id(_argument(args, kwargs, place, "running_mean")))
        if norm is not None:
            self.ran[norm] += 1
            made = id(_argument(args, kwargs, 0, "input"))
            if made in self.written:
                self.read.append((made, norm))


def _at_one_place(model: nn.Module) -> dict[str, nn.Module]:
    """Modules that, and whose parameters, occur once in a network."""
    modules = list(model.named_modules(remove_duplicate=False))
    places = Counter(id(module) for _, module in modules)
    owners = Counter(id(parameter) for _, parameter in model.named_parameters(remove_duplicate=False))
    return {
        name: module
        for name, module in modules
        if places[id(module)] == 1 and all(owners[id(own)] == 1 for own in module.parameters(recurse=False))
    }


def _argument(args: Any, kwargs: dict[str, Any], place: int, name: str) -> Any:
    return args[place] if len(args) > place else kwargs.get(name)
