"""The layers of a network by name, and what each of them gives."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial

from torch import nn

from graft.network.network import Network

Hear = Callable[[str, object], None]
"""Told a layer's name and what it gave."""


def named_layers(network: Network) -> dict[str, nn.Module]:
    """Layers by name: those of the body as `embed.layers` names them, then those of the head, `head` and below it.

    Where a body has a layer of a name of the head's, the name is the body's.
    """
    found = {name: layer for name, layer in network.features.body.named_modules() if name}
    if network.head is not None:
        for name, layer in network.head.named_modules(prefix="head"):
            found.setdefault(name, layer)
    return found


@contextmanager
def listening(layers: dict[str, nn.Module], hear: Hear) -> Iterator[None]:
    """Tell what layers give while a network runs, in the order in which they end: a part before the whole."""
    handles = [layer.register_forward_hook(partial(_tell, hear, name)) for name, layer in layers.items()]
    try:
        yield
    finally:
        for handle in handles:
            handle.remove()


def _tell(hear: Hear, name: str, _: nn.Module, __: object, output: object) -> None:
    hear(name, output)
