"""The network graft makes: normalisation, features of one backbone or of several side by side, a head."""

import copy
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import torch
from torch import nn

from graft.backbone import build
from graft.backbone.config import joint_name
from graft.backbone.library import allocate
from graft.core.errors import GraftError, ParamsError
from graft.network.config import Embed
from graft.network.features import Features
from graft.network.fuse_bn import find_pairs, fold_batch_norms, fold_structure
from graft.network.head import Description, Head, describe, head_like, load_into, read_state

NOT_KEPT = "not-kept"
"""Folder within that of the network handed on: the fine-tuned one, where that is the head's."""
BEFORE_REFIT = "before-refit"
"""Folder within that of a network that learnt valid as well: the one trained likewise that did not."""
EXAMPLE_SIZE = 64
"""Side of what forward passes are watched and compared on, where a backbone takes it."""
CONTRAST = 0.35
"""Deviation that standardised images get: a usual one for photographs after normalisation."""
MIN_CONTRAST = 0.02
"""Added to the deviation that they are divided by, so that a flat image stays flat."""


class Network(nn.Module):
    """Pixels to logits.

    Args:
        features: the network's body, for normalised images, or several networks side by side.
        head: from features to logits; None for a network that ends in its features.
        description: how images are normalised before the body sees them.
    """

    def __init__(self, features: "Features | Joint", head: Head | None, description: Description) -> None:
        super().__init__()
        self.features = features
        self.head = head
        self.standardise = description.standardise
        self.size = description.size
        self.mean: torch.Tensor
        self.std: torch.Tensor
        self.register_buffer("mean", torch.tensor(description.mean).view(1, 3, 1, 1), persistent=False)
        self.register_buffer("std", torch.tensor(description.std).view(1, 3, 1, 1), persistent=False)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """Map images `[B, 3, H, W]`, float in [0, 1], to logits `[B, K]`, or features `[B, D]` without a head."""
        normalised = (images - self.mean) / self.std
        if self.standardise:
            normalised = without_exposure(normalised)
        features: torch.Tensor = self.features(normalised)
        if self.head is None:
            return features
        # float32 from here on, whatever the body computes in
        with torch.autocast(features.device.type, enabled=False):
            logits: torch.Tensor = self.head(features.float())
        return logits

    @property
    def parts(self) -> dict[str, Features]:
        """Features of each backbone, by what stands before the names of its layers: nothing, of several ``1.``, ..."""
        if isinstance(self.features, Features):
            return {"": self.features}
        return {f"{number}.": inner for number, inner in enumerate(self.features.each(), start=1)}

    def part_of(self, layer: str) -> Features:
        """The features of the backbone that a layer of `named_layers` is of; those of the first for the head's."""
        parts = self.parts
        return next((part for prefix, part in parts.items() if layer.startswith(prefix)), next(iter(parts.values())))


class Joint(nn.Module):
    """Networks that end in their features, side by side: each sees the images its own way.

    Args:
        members: without heads.
    """

    def __init__(self, members: Sequence[Network]) -> None:
        super().__init__()
        self.members = nn.ModuleList(members)

    def each(self) -> list[Features]:
        """Features of each member."""
        return [member.features for member in self.members]  # type: ignore[misc]

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """Map images `[B, 3, H, W]`, float in [0, 1], to the features of all members, one after another, `[B, D]`."""
        return torch.cat([member(images) for member in self.members], dim=1)


def without_exposure(images: torch.Tensor) -> torch.Tensor:
    """Give every image `[B, 3, H, W]` the same mean (0) and nearly the same deviation."""
    centred = images - images.mean((1, 2, 3), keepdim=True)
    deviation = centred.square().mean((1, 2, 3), keepdim=True).sqrt()
    return centred / (deviation + MIN_CONTRAST) * CONTRAST


def pretrained(folder: Path, config: Embed) -> tuple[Network, Description]:
    """Load the backbone that `download` wrote as a network that ends in its features; several as one.

    Batch norms are folded: their statistics stay those of the pretraining throughout.

    Raises:
        ParamsError: it has no such layers, or takes no images of such a size.
    """
    loaded = [build.load(part) for part in build.parts(folder)]
    shares = share_layers([body for body, _ in loaded], config.layers)
    description = described([facts for _, facts in loaded], config, shares)
    for body, facts in loaded:
        fold_batch_norms(body, example_for(body, facts["name"]))
    network = Network(_features([body for body, _ in loaded], description), None, description).eval()
    check_size(network, description, config.size, "embed.size")
    return network, description


def share_layers(bodies: Sequence[nn.Module], layers: list[str]) -> list[list[str]]:
    """Which of the layers each of the bodies has; what none has is left to the first, whose `Features` refuse it."""
    found = [{name for name, _ in body.named_modules()} for body in bodies]
    found[0] |= set(layers).difference(*found)
    return [[layer for layer in layers if layer in names] for names in found]


def described(backbones: Sequence[dict[str, Any]], config: Embed, shares: Sequence[list[str]]) -> Description:
    """Describe a network that ends in its features, or several side by side as one.

    Args:
        backbones: ``name``, ``mean`` and ``std`` of each.
        shares: layers that the head sees of each, as `share_layers` gives them.
    """
    each = [
        Description(
            backbone=facts["name"],
            mean=facts["mean"],
            std=facts["std"],
            standardise=config.standardise,
            size=config.size,
            layers=layers,
            pools=config.pools,
            classes=[],
        )
        for facts, layers in zip(backbones, shares, strict=True)
    ]
    return each[0] if len(each) == 1 else side_by_side(each[0], each)


def side_by_side(description: Description, members: list[Description]) -> Description:
    """Describe several networks as one, which leaves the images to its members as they are.

    Args:
        description: says all else.
        members: of networks that end in their features.
    """
    unchanged = {"mean": [0.0] * 3, "std": [1.0] * 3, "standardise": False, "layers": [], "members": members}
    return description.model_copy(update=unchanged | {"backbone": joint_name([one.backbone for one in members])})


def _features(bodies: Sequence[nn.Module], description: Description) -> Features | Joint:
    """Features of the bodies of a network of this description."""
    if not description.members:
        return Features(bodies[0], description.layers, description.pools)
    pairs = zip(bodies, description.members, strict=True)
    return Joint([Network(_features([body], member), None, member) for body, member in pairs])


def grafted(backbone_folder: Path, description: Description, head: Head, drop_path: float = 0.0) -> Network:
    """Graft a head onto the pretrained network whose features it was fitted to.

    Args:
        drop_path: how often training leaves out the last residual branch, earlier ones less.
    """
    loaded = [build.load(part, drop_path) for part in build.parts(backbone_folder)]
    if description.folded:
        for body, facts in loaded:
            fold_batch_norms(body, example_for(body, facts["name"]))
    return Network(_features([body for body, _ in loaded], description), head, description).eval()


def width(network: Network) -> int:
    """Count the features or logits that a network gives for one image."""
    with torch.inference_mode():
        return int(network(_example(network.size, network.mean.device)).shape[1])


def load(folder: Path) -> tuple[Network, Description]:
    """Load a whole network.

    Raises:
        WeightsError: the file does not hold exactly a network of this description.
    """
    description = describe(folder)
    state = read_state(folder)
    network = Network(blank_features(description), head_like(description, state, "head."), description)
    load_into(network, state, folder)
    return network.eval(), description


def blank_features(description: Description) -> Features | Joint:
    """Build the features of a network of this description, with zeros for weights."""
    names = [member.backbone for member in description.members or [description]]
    return _features([_blank_body(name, description.folded) for name in names], description)


def _blank_body(name: str, folded: bool) -> nn.Module:
    body = build.create(name)
    # watched on a twin: some networks keep what they computed from their weights, and these have none yet
    twin = allocate(copy.deepcopy(body))
    body = allocate(body)
    if folded:
        fold_structure(body, find_pairs(twin, example_for(twin, name)))
    return body


def check_size(network: Network, description: Description, size: int, key: str) -> None:
    """Make sure that a network of a description takes images of a size that the user sets at a key.

    Raises:
        ParamsError: it does not.
    """
    if isinstance(network.features, Joint):
        for member, one in zip(network.features.members, description.members, strict=True):
            assert isinstance(member, Network)
            check_size(member, one, size, key)
        return
    name = description.backbone
    try:
        with torch.no_grad():
            network(_example(size, network.mean.device)[:1])
    except GraftError:
        raise
    except Exception as error:  # each architecture refuses in its own way
        made_for = build.native_size(name)
        raise ParamsError(f"{key}: {name} takes no images of {size}; it was made for {made_for} ({error})") from error


def example_for(body: nn.Module, name: str) -> torch.Tensor:
    """A fixed input for watching and comparing forward passes, as small as a backbone of this name takes."""
    device = next(body.parameters()).device
    try:
        with torch.no_grad():
            body(_example(EXAMPLE_SIZE, device))
    except Exception:  # each architecture refuses in its own way
        return _example(build.native_size(name), device)
    return _example(EXAMPLE_SIZE, device)


def _example(size: int, device: torch.device) -> torch.Tensor:
    return torch.randn((2, 3, size, size), generator=torch.Generator().manual_seed(0)).to(device)


def named_layers(network: Network) -> dict[str, nn.Module]:
    """Layers by name: those of the body as `embed.layers` names them, then those of the head, `head` and below it.

    Of several bodies the layers are those of the first behind ``1.``, and so on. Where a body has a layer of a name
    of the head's, the name is the body's.
    """
    parts = network.parts.items()
    layers = {f"{prefix}{name}": layer for prefix, part in parts for name, layer in part.body.named_modules() if name}
    if network.head is not None:
        for name, layer in network.head.named_modules(prefix="head"):
            layers.setdefault(name, layer)
    return layers


@contextmanager
def watch_layers(layers: dict[str, nn.Module], watcher: Callable[[str, object], None]) -> Iterator[None]:
    """Call `watcher(name, output)` as layers end while a network runs: a part before the whole."""

    def watch(name: str, _: nn.Module, __: object, output: object) -> None:
        watcher(name, output)

    handles = [layer.register_forward_hook(partial(watch, name)) for name, layer in layers.items()]
    try:
        yield
    finally:
        for handle in handles:
            handle.remove()
