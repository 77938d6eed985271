"""timm: its architectures, its table of pretrained weights."""

import inspect
from functools import partial
from typing import Any

import torch
from torch import nn

from graft.backbone.library import Preprocessing, Published, meta_init
from graft.backbone.torchvision_models import without_compiler  # it makes torchvision importable, which timm imports
from graft.core.errors import ParamsError, WeightsError, nearest

with without_compiler():
    import timm
    from timm.models import group_parameters

ANY_SIZE: dict[str, Any] = {"dynamic_img_size": True, "strict_img_size": False}
"""Options that free an architecture from the one size of images it was made for."""


def has(name: str) -> bool:
    """Whether timm has an architecture, with a pretrained tag behind a dot or without.

    Raises:
        WeightsError: it has the architecture, but not with this tag.
    """
    if not timm.is_model(name):
        return False
    tags = timm.list_pretrained(name.partition(".")[0] + ".*")
    if "." in name and name not in tags:
        raise WeightsError(f"backbone.name: timm has no weights {name!r}{nearest(name, tags)}")
    return True


def names() -> list[str]:
    """All architectures of timm."""
    return list(timm.list_models())


def body(name: str, drop_path: float) -> nn.Module:
    """Build an architecture without classifier, for images of any size where its class can.

    Raises:
        ParamsError: stochastic depth is asked for, and it has none.
    """
    options: dict[str, Any] = {"num_classes": 0} | ({"drop_path_rate": drop_path} if drop_path else {})
    if _config(name).fixed_input_size:  # the options that its class has
        family = [kind for kind in type(whole(name)).__mro__ if kind not in nn.Module.__mro__]
        known = {option for kind in family for option in inspect.signature(kind).parameters}
        options |= {option: value for option, value in ANY_SIZE.items() if option in known}
    depths: list[Any] = []
    try:
        model = meta_init(partial(timm.create_model, name, **options))
        depths = [module for module in model.modules() if type(module).__name__ == "DropPath"]
    except TypeError as error:
        if not drop_path or "drop_path_rate" not in str(error):
            raise
    if drop_path and not any(module.drop_prob for module in depths):
        raise ParamsError(f"drop_path: {name} has no stochastic depth; it takes 0, not {drop_path}")
    for module in depths if not drop_path else ():  # a few architectures have some by default
        module.drop_prob = 0.0
    return model


def whole(name: str) -> nn.Module:
    """Build an architecture with its classifier."""
    return meta_init(partial(timm.create_model, name))


def native_size(name: str) -> int:
    """Side in pixels of the images that its published weights were made for."""
    return int(_config(name).input_size[-1])


def preprocessing(name: str) -> Preprocessing:
    """What its published weights expect: those of its tag, else of its first entry."""
    config = _config(name)
    return Preprocessing(list(config.mean), list(config.std))


def published(reference: str) -> Published:
    """Look weights up in timm's table: ``ARCHITECTURE.TAG``, or an architecture alone for the first of its tags.

    Raises:
        WeightsError: timm names no such weights.
    """
    if not has(reference) or not _config(reference).has_weights:
        known = timm.list_pretrained()
        raise WeightsError(f"backbone.weights: timm has no weights {reference!r}{nearest(reference, known)}")
    config = _config(reference)
    address = hub_address(config.hf_hub_id, config.hf_hub_filename) if config.hf_hub_id else config.url
    return Published(address, preprocessing(reference))


def hub_address(identity: str, file: str | None) -> str:
    """Address of a file of a repository of the Hugging Face hub, ``OWNER/NAME`` or ``OWNER/NAME@REVISION``."""
    from huggingface_hub import hf_hub_url  # imported here: only a download asks for it
    from timm.models._hub import HF_SAFE_WEIGHTS_NAME, hf_split

    repository, revision = hf_split(identity)
    address: str = hf_hub_url(repository, file or HF_SAFE_WEIGHTS_NAME, revision=revision)
    return address


def converted(name: str, state: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """Bring a state dict of an older or foreign form to timm's names, by timm's own loader, if that knows it."""
    config = _config(name)
    layers = [config.classifier] if isinstance(config.classifier, str) else list(config.classifier or [])
    found = (len(state[f"{layer}.weight"]) for layer in layers if f"{layer}.weight" in state)
    classes = next(found, config.num_classes)
    overlay = {"state_dict": state, "num_classes": classes, "label_offset": 0}
    with torch.random.fork_rng(devices=[]):
        try:
            model = timm.create_model(name, pretrained=True, num_classes=classes, pretrained_cfg_overlay=overlay)
        except Exception:  # each architecture has a loader of its own, which meets whatever is in the file
            return state
    return dict(model.state_dict())


def by_depth(body: nn.Module) -> dict[int, list[str]]:
    """Names of an architecture's parameters by depth from the stem, as timm groups them."""
    groups = group_parameters(body, body.group_matcher(coarse=True))  # type: ignore[operator]
    return {depth: groups[depth] for depth in sorted(groups)}


def _config(name: str) -> Any:
    return timm.get_pretrained_cfg(name, allow_unregistered=False)
