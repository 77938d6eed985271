"""Read a third party's file of weights, in the forms that training scripts leave, and nothing but tensors."""

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file

from graft.errors import WeightsError

NESTS = ("state_dict_ema", "model_ema", "state_dict", "model")
"""Where training scripts keep the weights among other things; averaged ones first, which are the better."""
WRAPPERS = ("module.", "_orig_mod.", "model.", "backbone.")
"""What wrappers put before every name: DataParallel, torch.compile, and classes of users' own."""
COUNTER = "n_averaged"
"""What torch's AveragedModel keeps beside the weights."""


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
    state = _innermost(state)
    if not isinstance(state, dict) or not all(isinstance(value, torch.Tensor) for value in state.values()):
        raise WeightsError(f"{file}: expected a mapping of names to tensors, alone or under one of {', '.join(NESTS)}")
    return state


def unwrapped(state: dict[str, torch.Tensor], wanted: Iterable[str]) -> dict[str, torch.Tensor]:
    """Take off what wrappers put before every name, unless the names wanted begin so too."""
    wanted = list(wanted)
    while prefix := next((prefix for prefix in WRAPPERS if _all_begin(state, prefix)), None):
        if _all_begin(wanted, prefix):
            break
        state = {key.removeprefix(prefix): tensor for key, tensor in state.items() if key != COUNTER}
    return state


def _innermost(state: Any) -> Any:
    while isinstance(state, dict):
        inner = next((state[nest] for nest in NESTS if isinstance(state.get(nest), dict)), None)
        if inner is None:
            break
        state = inner
    return state


def _all_begin(names: Iterable[str], prefix: str) -> bool:
    told = [name for name in names if name != COUNTER]
    return bool(told) and all(name.startswith(prefix) for name in told)
