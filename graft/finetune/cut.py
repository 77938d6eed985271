"""Cut a network behind its frozen layers, so that what they give need not be computed twice.

Nothing is known of the architecture: one watched forward pass shows which layers are through before
the first that trains begins. From then on the last of them gives what it is told to, and those
before it let their input pass. Whether the network can be cut there, and not across a branch, is
settled by comparing its outputs.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from torch import nn

from graft.core.errors import ParamsError
from graft.network.network import Network

PLACEHOLDER = (8, 8)
"""Size of the picture that passes through what is skipped."""


class _ReachedError(Exception):
    """Ends a forward pass at the cut."""


@dataclass(frozen=True, slots=True)
class Cut:
    """Where a network is cut.

    Attributes:
        network: as it was given; whole outside the contexts below.
        name: of the last frozen layer, whose output `head` gives and `tail` takes.
        before: layers that the tail skips.
    """

    network: Network
    name: str
    before: list[nn.Module]

    def head(self, views: torch.Tensor) -> torch.Tensor:
        """Compute what the frozen layers give, `[B, ...]`, of views `[B, 3, H, W]`, and no more."""
        found: list[torch.Tensor] = []

        def reached(_: nn.Module, __: object, output: torch.Tensor) -> None:
            found.append(output)
            raise _ReachedError

        handle = self._layer.register_forward_hook(reached)
        try:
            self.network(views)
        except _ReachedError:
            return found[0]
        finally:
            handle.remove()
        raise AssertionError(f"the forward pass never came to {self.name}")

    def tail(self, given: torch.Tensor) -> torch.Tensor:
        """Compute logits `[B, K]` from what `head` gave."""
        with self._skipped(given):
            logits: torch.Tensor = self.network(given.new_zeros((len(given), 3, *PLACEHOLDER), dtype=torch.float32))
        return logits

    @property
    def _layer(self) -> nn.Module:
        return self.network.features.body.get_submodule(self.name)

    @contextmanager
    def _skipped(self, given: torch.Tensor) -> Iterator[None]:
        """Let the layers up to the cut cost nothing; hooks on them run as ever."""
        replaced = [(module, _pass_on) for module in self.before] + [(self._layer, lambda *_, **__: given)]
        for module, forward in replaced:
            module.forward = forward
        try:
            yield
        finally:
            for module, _ in replaced:
                del module.forward  # that of the class shows again


def _pass_on(value: Any, *_: Any, **__: Any) -> Any:
    return value


def cut(network: Network, example: torch.Tensor) -> Cut:
    """Cut a network before the first layer that trains, as late as it falls in two.

    Args:
        network: in evaluation mode, its frozen parameters marked so.
        example: views `[B, 3, H, W]`, to watch and to compare on.

    Raises:
        ParamsError: nothing is frozen from the stem on, or the network falls in two nowhere there.
    """
    body = network.features.body
    events, whole = _watched(network, body, example)
    names = {module: name for name, module in body.named_modules()}
    trained = {module for module in names if any(p.requires_grad for p in module.parameters(recurse=False))}
    begin = next((place for place, (kind, module) in enumerate(events) if kind == "begins" and module in trained), None)
    through = [module for kind, module in events[:begin] if kind == "ends" and names[module]]
    if begin is None or not any(True for module in through for _ in module.parameters()):
        raise ParamsError(
            "finetune.views: there is nothing to keep, since "
            + ("no layer of the backbone trains" if begin is None else "the stem trains: name it in finetune.freeze")
        )
    for end in range(len(through), 0, -1):
        before, last = through[: end - 1], through[end - 1]
        covered = {inner for module in [*before, last] for inner in module.modules() if inner is not module}
        found = Cut(network, names[last], [module for module in before if module not in covered])
        if any(True for module in [*before, last] for _ in module.parameters()) and _same(found, example, whole):
            return found
    raise ParamsError(
        f"finetune.views: {type(body).__name__} falls in two nowhere in what is frozen; freeze whole stages and let "
        "embed.layers name none of the first, or set views to null"
    )


def _watched(
    network: Network, body: nn.Module, example: torch.Tensor
) -> tuple[list[tuple[str, nn.Module]], torch.Tensor]:
    """Note when each layer begins and ends in a forward pass, and what the network says."""
    events: list[tuple[str, nn.Module]] = []
    handles = []
    for module in body.modules():
        handles += [
            module.register_forward_pre_hook(lambda module, _: events.append(("begins", module))),
            module.register_forward_hook(lambda module, _, __: events.append(("ends", module))),
        ]
    try:
        with torch.no_grad():
            return events, network(example)
    finally:
        for handle in handles:
            handle.remove()


@torch.no_grad()
def _same(found: Cut, example: torch.Tensor, whole: torch.Tensor) -> bool:
    try:
        return torch.equal(found.tail(found.head(example)), whole)
    except (RuntimeError, AssertionError, AttributeError, TypeError):
        return False  # the placeholder does not go through, or a layer is not called as usual
