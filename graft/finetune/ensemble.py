"""Lay the network that training began from beside the one that came out: one network, with the mean of their logits."""

import torch

from graft.network.head import Description, linear_head
from graft.network.network import Joint, Network, side_by_side


def ensemble(before: Network, after: Network, description: Description) -> tuple[Network, Description]:
    """Join two networks of one description, whose heads are linear, into one that gives the mean of their logits.

    They become its members, and lose their heads.
    """
    members: list[Network] = []
    weights, biases, means, scales = [], [], [], []
    for network in (before.to(after.mean.device), after):
        head, network.head = network.head, None
        assert head is not None
        weights.append(head.linear.weight.detach())  # [K, D]
        biases.append(head.linear.bias.detach())  # [K]
        means.append(head.mean)  # [D]
        scales.append(head.scale)
        members += network.features.members if isinstance(network.features, Joint) else [network]  # type: ignore[arg-type]
    bias = torch.stack(biases).mean(0)
    head = linear_head(torch.cat(weights, 1).T / 2, bias, (torch.cat(means), torch.cat(scales)))
    joint = side_by_side(description, 2 * (description.members or [_member(description)]))
    return Network(Joint(members), head, joint).eval(), joint.model_copy(update={"ensemble": True})


def _member(description: Description) -> Description:
    """Describe the features of a network alone."""
    kept = ("backbone", "mean", "std", "layers", "pools", "standardise", "size")
    return Description.model_validate({name: getattr(description, name) for name in kept} | {"classes": []})
