"""The process is set up once, and precision follows the processor."""

import os

import pytest
import torch

from graft.network import device
from graft.network.device import autocast, pick_device, prepare


def test_prepared_process_is_deterministic(monkeypatch: pytest.MonkeyPatch) -> None:
    before = torch.are_deterministic_algorithms_enabled(), torch.is_deterministic_algorithms_warn_only_enabled()
    monkeypatch.delenv("CUBLAS_WORKSPACE_CONFIG", raising=False)
    try:
        prepare()
        assert os.environ["CUBLAS_WORKSPACE_CONFIG"] == ":4096:8"
        assert not torch.backends.cudnn.allow_tf32
        assert not torch.backends.cuda.matmul.allow_tf32
        assert torch.are_deterministic_algorithms_enabled()
        assert not torch.utils.deterministic.fill_uninitialized_memory  # type: ignore[attr-defined]
    finally:
        torch.use_deterministic_algorithms(before[0], warn_only=before[1])


@pytest.mark.parametrize(
    ("precision", "native", "enabled"),
    [("fp32", True, False), ("bf16", False, True), ("auto", True, True), ("auto", False, False)],
)
def test_auto_takes_bfloat16_where_it_is_native(
    precision: device.Precision, native: bool, enabled: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(device, "_has_bfloat16", lambda _: native)
    with autocast(torch.device("cpu"), precision):
        made = torch.ones(2, 2) @ torch.ones(2, 2)
    assert (made.dtype == torch.bfloat16) == enabled


def test_device_is_one_that_is_there() -> None:
    assert torch.ones(1, device=pick_device()).item() == 1
