"""A third party's weights, read once and kept as safetensors under the names of their library."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import safetensors.torch
import torch
from torch import nn

from graft import atomic
from graft.digest import sha256
from graft.errors import SourceError, WeightsError
from graft.model import timm_models, torchvision_models
from graft.model.backbone import ALLOWED, Backbone
from graft.model.keymap import is_efficientnet_pytorch, to_timm
from graft.model.library import find
from graft.model.published import Published
from graft.model.statedict import read, unwrapped
from graft.source.locate import is_remote, locate
from graft.source.remote import DOWNLOADS, fetch_file

State = dict[str, torch.Tensor]


def fetch_weights(backbone: Backbone, into: Path, downloads: Path = DOWNLOADS) -> dict[str, Any]:
    """Write ``model.safetensors`` and ``backbone.json`` into a folder; return what the second says.

    Weights at an address are fetched to `downloads` first.

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
    file = _fetched(backbone, entry, downloads)
    digest = sha256(file)
    if backbone.sha256 not in (None, digest):
        raise WeightsError(f"{file}: sha256 is {digest}; backbone.sha256 says {backbone.sha256}")
    state, cut_off = fit(read(file), backbone.name, str(file))
    (into / "model.safetensors").write_bytes(safetensors.torch.save(state))
    wish = entry.preprocessing if entry else architecture.library.preprocessing(architecture.name)
    facts = {
        "name": backbone.name,
        "weights": backbone.weights,
        **({"address": entry.address} if entry else {}),
        "sha256": digest,
        "mean": wish.mean,
        "std": wish.std,
        "cut_off": cut_off,
    }
    atomic.write_json(into / "backbone.json", facts)
    return facts


def published(weights: str, name: str) -> Published | None:
    """Look ``timm://`` and ``torchvision://`` up in the tables of the libraries; None for other places.

    Raises:
        WeightsError: the library names no such weights.
    """
    if weights.startswith(timm_models.SCHEME):
        return timm_models.published(weights.removeprefix(timm_models.SCHEME))
    if weights.startswith(torchvision_models.SCHEME):
        return torchvision_models.published(weights.removeprefix(torchvision_models.SCHEME), name)
    return None


def fit(state: State, name: str, file: str) -> tuple[State, list[dict[str, Any]]]:
    """Bring a state dict to the names of a library and check it tensor by tensor.

    Its classifier may be of any number of classes, or absent: it is cut off.

    Args:
        state: as it was read.
        name: of the architecture.
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
    state = _renamed(unwrapped(state, whole.state_dict()), whole, file, name)
    forms: tuple[Callable[[], State], ...] = (
        lambda: state,
        lambda: _upgraded(state, whole),
        lambda: _upgraded(architecture.library.converted(architecture.name, state), whole),
    )
    state = next((found for form in forms if _misfit(found := form(), wanted, heads) == ([], [])), state)
    missing, extra = _misfit(state, wanted, heads)
    if missing or extra:
        raise WeightsError(f"{file} does not fit {name}: missing {missing[:3]}, unexpected {extra[:3]}")
    for key, tensor in wanted.items():
        if tensor.shape != state[key].shape:
            raise WeightsError(f"{file}: {key} is {list(state[key].shape)}; {name} has {list(tensor.shape)}")
    kept = {key: state[key].to(tensor.dtype).contiguous() for key, tensor in wanted.items()}
    return kept, _layers({key: tensor for key, tensor in state.items() if key not in wanted}, whole)


def _fetched(backbone: Backbone, entry: Published | None, downloads: Path) -> Path:
    where = entry.address if entry else backbone.weights
    if is_remote(where):
        return fetch_file(where, downloads, backbone.sha256)
    try:
        return locate(where)
    except SourceError as error:
        raise SourceError(f"{error}; backbone.weights may be {ALLOWED}") from error


def _renamed(state: State, whole: nn.Module, file: str, name: str) -> State:
    """Give the tensors of an ``efficientnet_pytorch`` file timm's names."""
    if not is_efficientnet_pytorch(state):
        return state
    mapping = to_timm(state, whole.state_dict())
    if strange := sorted(set(state) - set(mapping)):
        raise WeightsError(f"{file}: no rule maps {strange[:3]} to {name} ({len(strange)} such names)")
    return {mapping[key]: tensor for key, tensor in state.items()}


def _upgraded(state: State, whole: nn.Module) -> State:
    """Let an architecture's layers rename, and add, what they were saved without in older versions."""
    shapes = {key: tensor.shape for key, tensor in whole.state_dict().items()}
    alike = {key: tensor for key, tensor in state.items() if shapes.get(key, tensor.shape) == tensor.shape}
    try:
        missing, strange = whole.load_state_dict(alike, strict=False, assign=True)
    except RuntimeError:
        return state
    told = {key: tensor for key, tensor in whole.state_dict().items() if key not in missing}
    return told | {key: state[key] for key in [*strange, *sorted(set(state) - set(alike))]}


def _misfit(state: State, wanted: State, heads: set[str]) -> tuple[list[str], list[str]]:
    """Names that are missing, and names that are neither wanted nor of a classifier."""
    layers = tuple({key.rpartition(".")[0] + "." for key in heads if "." in key})
    extra = [key for key in sorted(set(state) - set(wanted) - heads) if not key.startswith(layers)]
    return sorted(set(wanted) - set(state)), extra


def _layers(tensors: State, whole: nn.Module) -> list[dict[str, Any]]:
    """Describe layers by name, type, and shape of the weight, in the order of the file."""
    modules = dict(whole.named_modules())
    layers: dict[str, dict[str, Any]] = {}
    for key, tensor in tensors.items():
        layer, _, kind = key.rpartition(".")
        if layer not in layers or kind == "weight":
            told = type(modules[layer]).__name__ if layer in modules else "unknown"
            layers[layer] = {"name": layer, "type": told, "shape": list(tensor.shape)}
    return list(layers.values())
