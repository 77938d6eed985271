"""Files of weights are read in the forms that training scripts leave."""

from collections import OrderedDict
from pathlib import Path
from typing import Any

import pytest
import torch
from torch.optim.swa_utils import AveragedModel

from graft.backbone.weights import read, unwrapped
from graft.core.errors import WeightsError

ONE, TWO = torch.ones(1), torch.full((1,), 2.0)


@pytest.mark.parametrize(
    "content",
    [
        {"weight": TWO},
        {"state_dict": {"weight": TWO}, "epoch": 3},
        {"model": OrderedDict(weight=TWO), "optimizer": {}},
        {"model": {"state_dict": {"weight": TWO}}},
        {"model": {"weight": ONE}, "model_ema": {"weight": TWO}},
        {"state_dict": {"weight": ONE}, "state_dict_ema": {"weight": TWO}},
    ],
)
def test_nested_weights_are_found_averaged_ones_first(tmp_path: Path, content: dict[str, Any]) -> None:
    torch.save(content, tmp_path / "made.pth")
    state = read(tmp_path / "made.pth")
    assert list(state) == ["weight"]
    assert torch.equal(state["weight"], TWO)


@pytest.mark.parametrize("content", [[ONE], {"weights": {"weight": ONE}}, {"weight": 1.0}])
def test_other_content_is_refused(tmp_path: Path, content: object) -> None:
    torch.save(content, tmp_path / "made.pth")
    with pytest.raises(WeightsError, match="expected a mapping of names to tensors, alone or under one of state_dict"):
        read(tmp_path / "made.pth")


@pytest.mark.parametrize(
    "prefix", ["module.", "_orig_mod.", "model.", "backbone.", "module._orig_mod.", "model.backbone."]
)
def test_prefixes_that_all_names_share_are_taken_off(prefix: str) -> None:
    assert unwrapped({f"{prefix}a.weight": ONE, f"{prefix}b": TWO}, ["a.weight", "b"]) == {"a.weight": ONE, "b": TWO}


def test_prefix_of_some_names_stays() -> None:
    state = {"module.a": ONE, "b": TWO}
    assert unwrapped(state, ["a", "b"]) == state


def test_prefix_that_is_wanted_stays() -> None:
    state = {"model.a": ONE, "model.b": TWO}
    assert unwrapped(state, ["model.a", "model.b"]) == state
    assert unwrapped({f"module.{name}": tensor for name, tensor in state.items()}, list(state)) == state


def test_counter_of_an_average_is_no_weight() -> None:
    averaged = AveragedModel(torch.nn.Linear(2, 1)).state_dict()
    assert "n_averaged" in averaged
    assert set(unwrapped(averaged, ["weight", "bias"])) == {"weight", "bias"}
