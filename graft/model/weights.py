"""A third party's weights, read once and kept as safetensors under the names timm uses."""

import hashlib
from pathlib import Path

import safetensors.torch
import torch
from safetensors.torch import load_file

from graft import atomic
from graft.errors import WeightsError
from graft.model.backbone import Backbone, full_state, preprocessing
from graft.model.keymap import is_efficientnet_pytorch, to_timm
from graft.source.locate import is_remote, locate
from graft.source.remote import DOWNLOADS, fetch_file


def fetch_weights(backbone: Backbone, into: Path, downloads: Path = DOWNLOADS) -> str:
    """Write ``model.safetensors`` and ``backbone.json`` into a folder; return the file's sha256.

    Weights at an address are fetched to `downloads` first.

    Raises:
        SourceError: nothing lies where `backbone.weights` points, or it cannot be fetched.
        WeightsError: the file's hash differs from `backbone.sha256`, it holds more than tensors,
            or its tensors are not exactly those of the architecture.
    """
    where = backbone.weights
    file = fetch_file(where, downloads, backbone.sha256) if is_remote(where) else locate(where)
    digest = hashlib.sha256(file.read_bytes()).hexdigest()
    if backbone.sha256 not in (None, digest):
        raise WeightsError(f"{file}: sha256 is {digest}; backbone.sha256 says {backbone.sha256}")
    state = fit(read(file), full_state(backbone.name), str(file), backbone.name)
    (into / "model.safetensors").write_bytes(safetensors.torch.save(state))
    facts = {
        "name": backbone.name,
        "weights": backbone.weights,
        "sha256": digest,
        **preprocessing(backbone.name),
    }
    atomic.write_json(into / "backbone.json", facts)
    return digest


def read(file: Path) -> dict[str, torch.Tensor]:
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
    if isinstance(state, dict) and isinstance(state.get("state_dict"), dict):
        state = state["state_dict"]
    if not isinstance(state, dict) or not all(isinstance(value, torch.Tensor) for value in state.values()):
        raise WeightsError(f"{file}: expected a mapping of names to tensors")
    return state


def fit(
    state: dict[str, torch.Tensor], wanted: dict[str, torch.Tensor], file: str, name: str
) -> dict[str, torch.Tensor]:
    """Bring a state dict to timm's names and check it tensor by tensor.

    Raises:
        WeightsError: both sides of the mismatch are named.
    """
    if is_efficientnet_pytorch(state):
        mapping = to_timm(state, wanted)
        if strange := sorted(set(state) - set(mapping)):
            raise WeightsError(f"{file}: no rule maps {strange[:3]} to {name} ({len(strange)} such names)")
        state = {mapping[key]: tensor for key, tensor in state.items()}
    missing, extra = sorted(set(wanted) - set(state)), sorted(set(state) - set(wanted))
    if missing or extra:
        raise WeightsError(f"{file} does not fit {name}: missing {missing[:3]}, unexpected {extra[:3]}")
    for key, tensor in state.items():
        if tensor.shape != wanted[key].shape:
            raise WeightsError(f"{file}: {key} is {list(tensor.shape)}; {name} has {list(wanted[key].shape)}")
    return {key: state[key].contiguous() for key in wanted}
