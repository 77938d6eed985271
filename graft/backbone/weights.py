"""A third party's weights, read once and kept as safetensors under the names of their library."""

import re
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import safetensors.torch
import torch
from safetensors.torch import load_file
from torch import nn

from graft.backbone import timm_models, torchvision_models
from graft.backbone.build import find
from graft.backbone.config import ALLOWED, TIMM, TORCHVISION, Backbone
from graft.backbone.library import Published
from graft.core.addresses import is_remote
from graft.core.errors import SourceError, WeightsError
from graft.core.files import sha256, write_json
from graft.source.download import DOWNLOADS, local_path

State = dict[str, torch.Tensor]

NESTS = ("state_dict_ema", "model_ema", "state_dict", "model")
"""Where training scripts keep the weights among other things; averaged ones first, which are the better."""
WRAPPERS = ("module.", "_orig_mod.", "model.", "backbone.")
"""What wrappers put before every name: DataParallel, torch.compile, and classes of users' own."""


def read(file: Path) -> State:
    """Read a state dict without running anything that the file may contain.

    Raises:
        WeightsError: the file is no state dict, or holds anything but tensors.
    """
    try:
        if file.suffix == ".safetensors":
            return load_file(file)
        state = torch.load(file, map_location="cpu", weights_only=True)
    except Exception as error:  # unpickling raises whatever it meets
        raise WeightsError(f"{file}: cannot be read as weights alone: {error}") from error
    while isinstance(state, dict) and (nests := [state[nest] for nest in NESTS if isinstance(state.get(nest), dict)]):
        state = nests[0]
    if not isinstance(state, dict) or not all(isinstance(value, torch.Tensor) for value in state.values()):
        raise WeightsError(f"{file}: expected a mapping of names to tensors, alone or under one of {', '.join(NESTS)}")
    return state


def unwrapped(state: State, wanted: Iterable[str]) -> State:
    """Take off what wrappers put before every name, unless the names wanted begin so too, and AveragedModel's count."""
    wanted, state = list(wanted), {key: tensor for key, tensor in state.items() if key != "n_averaged"}
    while prefix := next((one for one in WRAPPERS if state and all(key.startswith(one) for key in state)), None):
        if all(name.startswith(prefix) for name in wanted):
            break
        state = {key.removeprefix(prefix): tensor for key, tensor in state.items()}
    return state


STEM = {"_conv_stem": "conv_stem", "_bn0": "bn1", "_conv_head": "conv_head", "_bn1": "bn2", "_fc": "classifier"}
SEPARABLE = {"_depthwise_conv": "conv_dw", "_bn1": "bn1", "_project_conv": "conv_pw", "_bn2": "bn2"}
INVERTED = {
    "_expand_conv": "conv_pw",
    "_bn0": "bn1",
    "_depthwise_conv": "conv_dw",
    "_bn1": "bn2",
    "_project_conv": "conv_pwl",
    "_bn2": "bn3",
}
SQUEEZE = {"_se_reduce": "se.conv_reduce", "_se_expand": "se.conv_expand"}


def to_timm(keys: Iterable[str], timm_keys: Iterable[str]) -> dict[str, str]:
    """Map ``efficientnet_pytorch`` names to timm's.

    Args:
        timm_keys: names in the timm model, which tell how its blocks fall into stages.

    Returns:
        ``{"_blocks.3._bn0.weight": "blocks.2.0.bn1.weight", ...}`` for every name that the rules
        cover; the caller compares it with both sides.
    """
    blocks = list(dict.fromkeys(found[0] for key in timm_keys if (found := re.match(r"blocks\.\d+\.\d+", key))))
    keys = list(keys)
    expanded = {found[1] for key in keys if (found := re.match(r"_blocks\.(\d+)\._expand_conv", key))}
    mapped: dict[str, str] = {}
    for key in keys:
        if found := re.match(r"_blocks\.(\d+)\.(\w+)\.(\w+)$", key):
            number, layer, tensor = found.groups()
            layers = (INVERTED if number in expanded else SEPARABLE) | SQUEEZE
            if layer in layers and int(number) < len(blocks):
                mapped[key] = f"{blocks[int(number)]}.{layers[layer]}.{tensor}"
        elif (found := re.match(r"(\w+)\.(\w+)$", key)) and found[1] in STEM:
            mapped[key] = f"{STEM[found[1]]}.{found[2]}"
    return mapped


def fetch_weights(backbone: Backbone, into: Path, downloads: Path = DOWNLOADS) -> dict[str, Any]:
    """Write ``model.safetensors`` and ``backbone.json`` into a folder; return what the second says.

    Returns:
        ``name``, ``weights``, ``address`` where a library's table gave one, ``sha256`` of the file,
        ``mean`` and ``std``, and ``cut_off``: name, type and shape of each layer that was left out.

    Raises:
        SourceError: nothing lies where `backbone.weights` points, or it cannot be fetched.
        WeightsError: no library has the architecture or the weights of that name; the file's hash
            differs from `backbone.sha256`, it holds more than tensors, or its tensors are not exactly
            those of the architecture, classifier aside.
    """
    architecture = find(backbone.name)
    entry = published(backbone.weights, architecture.name)
    where = entry.address if entry else backbone.weights
    try:
        file = local_path(where, downloads, backbone.sha256)
    except SourceError as error:
        if is_remote(where):
            raise
        raise SourceError(f"{error}; backbone.weights may be {ALLOWED}") from error
    digest = sha256(file)
    if backbone.sha256 not in (None, digest):
        raise WeightsError(f"{file}: sha256 is {digest}; backbone.sha256 says {backbone.sha256}")
    state, cut_off = fit(read(file), backbone.name, str(file))
    (into / "model.safetensors").write_bytes(safetensors.torch.save(state))
    expected = entry.preprocessing if entry else architecture.library.preprocessing(architecture.name)
    facts = {
        "name": backbone.name,
        "weights": backbone.weights,
        **({"address": entry.address} if entry else {}),
        "sha256": digest,
        "mean": expected.mean,
        "std": expected.std,
        "cut_off": cut_off,
    }
    write_json(into / "backbone.json", facts)
    return facts


def fetch_all(backbones: list[Backbone], into: Path, downloads: Path = DOWNLOADS) -> list[dict[str, Any]]:
    """Fetch the weights of one network into a folder; those of several into ``1``, ``2``, ... in it.

    Returns:
        What `fetch_weights` says of each.

    Raises:
        SourceError, WeightsError: as `fetch_weights`.
    """
    if len(backbones) == 1:
        return [fetch_weights(backbones[0], into, downloads)]
    facts = []
    for number, backbone in enumerate(backbones, start=1):
        folder = into / str(number)
        folder.mkdir()
        facts.append(fetch_weights(backbone, folder, downloads))
    return facts


def published(weights: str, name: str) -> Published | None:
    """Look ``timm://`` and ``torchvision://`` up in the tables of the libraries; None for anything else.

    Raises:
        WeightsError: the library names no such weights.
    """
    if weights.startswith(TIMM):
        return timm_models.published(weights.removeprefix(TIMM))
    if weights.startswith(TORCHVISION):
        return torchvision_models.published(weights.removeprefix(TORCHVISION), name)
    return None


def fit(state: State, name: str, file: str) -> tuple[State, list[dict[str, Any]]]:
    """Bring a state dict to the names of an architecture and check it tensor by tensor.

    Its classifier may be of any number of classes, or absent: it is cut off.

    Args:
        file: what messages call it.

    Returns:
        The tensors of the architecture without classifier; name, type and shape of what was cut off.

    Raises:
        WeightsError: both sides of the mismatch are named.
    """
    architecture = find(name)
    whole = architecture.library.whole(architecture.name)
    wanted = architecture.library.body(architecture.name, 0.0).state_dict()
    heads = set(whole.state_dict()) - set(wanted)
    state = unwrapped(state, whole.state_dict())
    if "_conv_stem.weight" in state:  # as `efficientnet_pytorch` names it
        mapping = to_timm(state, whole.state_dict())
        if unknown := sorted(set(state) - set(mapping)):
            raise WeightsError(f"{file}: no rule maps {unknown[:3]} to {name} ({len(unknown)} such names)")
        state = {mapping[key]: tensor for key, tensor in state.items()}
    forms: tuple[Callable[[], State], ...] = (
        lambda: state,
        lambda: _upgraded(state, whole),
        lambda: _upgraded(architecture.library.converted(architecture.name, state), whole),
    )
    state = next((found for form in forms if _mismatch(found := form(), wanted, heads) == ([], [])), state)
    missing, extra = _mismatch(state, wanted, heads)
    if missing or extra:
        raise WeightsError(f"{file} does not fit {name}: missing {missing[:3]}, unexpected {extra[:3]}")
    for key, tensor in wanted.items():
        if tensor.shape != state[key].shape:
            raise WeightsError(f"{file}: {key} is {list(state[key].shape)}; {name} has {list(tensor.shape)}")
    kept = {key: state[key].to(tensor.dtype).contiguous() for key, tensor in wanted.items()}
    return kept, _layers({key: tensor for key, tensor in state.items() if key not in wanted}, whole)


def _upgraded(state: State, whole: nn.Module) -> State:
    """Let an architecture's layers rename, and add, what they were saved without in older versions."""
    shapes = {key: tensor.shape for key, tensor in whole.state_dict().items()}
    fitting = {key: tensor for key, tensor in state.items() if shapes.get(key, tensor.shape) == tensor.shape}
    try:
        missing, unexpected = whole.load_state_dict(fitting, strict=False, assign=True)
    except RuntimeError:
        return state
    loaded = {key: tensor for key, tensor in whole.state_dict().items() if key not in missing}
    return loaded | {key: state[key] for key in [*unexpected, *sorted(set(state) - set(fitting))]}


def _mismatch(state: State, wanted: State, heads: set[str]) -> tuple[list[str], list[str]]:
    """Names that are missing, and names that are neither wanted nor of a classifier."""
    layers = tuple({key.rpartition(".")[0] + "." for key in heads if "." in key})
    extra = [key for key in sorted(set(state) - set(wanted) - heads) if not key.startswith(layers)]
    return sorted(set(wanted) - set(state)), extra


def _layers(tensors: State, whole: nn.Module) -> list[dict[str, Any]]:
    """Describe layers by name, type, and shape of the weight, in the order of the file."""
    modules = dict(whole.named_modules())
    layers: dict[str, dict[str, Any]] = {}
    for key, tensor in tensors.items():
        layer, _, parameter = key.rpartition(".")
        if layer not in layers or parameter == "weight":
            kind = type(modules[layer]).__name__ if layer in modules else "unknown"
            layers[layer] = {"name": layer, "type": kind, "shape": list(tensor.shape)}
    return list(layers.values())
