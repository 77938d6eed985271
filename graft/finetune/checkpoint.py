"""A training's whole state in one file, so that a killed run goes on as if nothing had happened.

Tensors lie in a safetensors file and everything else as JSON in its header: no pickle, and one
rename makes a checkpoint whole.
"""

import json
from pathlib import Path
from typing import Any

import torch
from safetensors import safe_open
from safetensors.torch import save

from graft.core.files import new_file


def save_checkpoint(file: Path, tensors: dict[str, torch.Tensor], state: dict[str, Any]) -> None:
    """Write tensors and what JSON can hold as one file, replacing the last."""
    content = {name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()}
    with new_file(file) as partial:
        partial.write_bytes(save(content, metadata={"state": json.dumps(state)}))


def load_checkpoint(file: Path) -> tuple[dict[str, torch.Tensor], dict[str, Any]] | None:
    """Read what `save_checkpoint` wrote, or None when there is no such file."""
    if not file.is_file():
        return None
    with safe_open(file, framework="pt") as opened:
        state: dict[str, Any] = json.loads(opened.metadata()["state"])
        return {name: opened.get_tensor(name) for name in opened.keys()}, state  # noqa: SIM118


def optimizer_tensors(optimizer: torch.optim.Optimizer) -> dict[str, torch.Tensor]:
    """An optimizer's moments and step counts under flat names, ``3.exp_avg`` and so on."""
    state = optimizer.state_dict()["state"]
    return {f"{index}.{key}": tensor for index, values in state.items() for key, tensor in values.items()}


def restore_optimizer(optimizer: torch.optim.Optimizer, tensors: dict[str, torch.Tensor]) -> None:
    """Give an optimizer the moments that `optimizer_tensors` named; its groups stay as they are."""
    state: dict[int, dict[str, torch.Tensor]] = {}
    for name, tensor in tensors.items():
        index, _, key = name.partition(".")
        state.setdefault(int(index), {})[key] = tensor
    optimizer.load_state_dict({"state": state, "param_groups": optimizer.state_dict()["param_groups"]})
