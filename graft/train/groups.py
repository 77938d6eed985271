"""Which parameters train, and how fast: freezing by name, rates that fall towards the stem."""

import re
from typing import Any

from torch import nn

from timm.models import group_parameters

from graft.errors import ParamsError
from graft.model.network import Network


def freeze(network: Network, patterns: list[str]) -> int:
    """Stop gradients of every body parameter whose name begins with a match of a pattern.

    Returns:
        How many numbers are frozen.

    Raises:
        ParamsError: a pattern is no regular expression, or matches no parameter.
    """
    names = dict(network.features.body.named_parameters())
    frozen: set[str] = set()
    for pattern in patterns:
        try:
            matched = {name for name in names if re.match(pattern, name)}
        except re.error as error:
            raise ParamsError(f"finetune.freeze: {pattern!r} is no regular expression: {error}") from error
        if not matched:
            layers = ", ".join(sorted({name.split(".")[0] for name in names}))
            raise ParamsError(f"finetune.freeze: {pattern!r} matches no parameter; the backbone has {layers}")
        frozen |= matched
    for name in frozen:
        names[name].requires_grad_(False)
    return sum(names[name].numel() for name in frozen)


def parameter_groups(network: Network, peak: float, ratio: float, weight_decay: float) -> list[dict[str, Any]]:
    """Group trainable parameters by depth, each with the peak of its learning rate.

    The head peaks at `peak`; from the body's last layers to its stem peaks fall geometrically to
    `peak / ratio`. Biases and other vectors take no weight decay.

    Source: Howard and Ruder 2018, discriminative fine-tuning, https://arxiv.org/abs/1801.06146;
    depths are timm's own grouping of its architectures.
    """
    body = network.features.body
    by_depth = group_parameters(body, body.group_matcher(coarse=True))  # type: ignore[operator]
    depths = sorted(by_depth)
    parameters = dict(body.named_parameters())
    groups: list[dict[str, Any]] = []
    for place, depth in enumerate(depths):
        rate = peak / ratio ** (1 - place / max(1, len(depths) - 1))
        inside = [parameters[name] for name in by_depth[depth]]
        groups += _with_decay(f"body.{depth}", inside, rate, weight_decay)
    assert network.head is not None
    return groups + _with_decay("head", list(network.head.parameters()), peak, weight_decay)


def _with_decay(name: str, parameters: list[nn.Parameter], rate: float, decay: float) -> list[dict[str, Any]]:
    """Split one depth into what decays and what does not; what is frozen or empty is left out."""
    trained = [parameter for parameter in parameters if parameter.requires_grad]
    halves = {decay: [p for p in trained if p.ndim > 1], 0.0: [p for p in trained if p.ndim <= 1]}
    return [
        {"name": name, "params": inside, "lr": rate, "weight_decay": value}
        for value, inside in halves.items()
        if inside
    ]
