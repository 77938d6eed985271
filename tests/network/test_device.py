"""The process is set up once, and precision follows the processor."""

import os

import pytest
import torch

from graft.network import device
from graft.network.device import autocast, emulates, lacks_determinism, pick_device, prepare, send


def test_prepared_process_is_deterministic(monkeypatch: pytest.MonkeyPatch) -> None:
    before = torch.are_deterministic_algorithms_enabled(), torch.is_deterministic_algorithms_warn_only_enabled()
    monkeypatch.delenv("CUBLAS_WORKSPACE_CONFIG", raising=False)
    try:
        prepare()
        assert os.environ["CUBLAS_WORKSPACE_CONFIG"] == ":4096:8"
        assert not torch.backends.cudnn.allow_tf32
        assert not torch.backends.cuda.matmul.allow_tf32
        assert torch.are_deterministic_algorithms_enabled()
        assert not torch.is_deterministic_algorithms_warn_only_enabled()
        assert not torch.backends.cuda.cudnn_sdp_enabled()
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
    monkeypatch.setattr(device, "has_bfloat16", lambda _: native)
    with autocast(torch.device("cpu"), precision):
        made = torch.ones(2, 2) @ torch.ones(2, 2)
    assert (made.dtype == torch.bfloat16) == enabled


@pytest.mark.usefixtures("prepared")
def test_an_operation_without_a_deterministic_form_is_told_from_other_errors() -> None:
    with pytest.raises(RuntimeError) as caught:
        torch.zeros(2).put_(torch.tensor([0]), torch.tensor([1.0]))
    assert lacks_determinism(caught.value)
    assert not lacks_determinism(RuntimeError("out of memory"))


@pytest.mark.parametrize("name", ["cpu", "meta", pick_device().type])
def test_what_is_sent_together_arrives_apart(name: str) -> None:
    given = [torch.arange(6.0).view(2, 3), torch.ones(4, 1, 1), torch.zeros(0)]
    sent = send(given, torch.device(name))
    assert {tensor.device.type for tensor in sent} == {name}
    assert [tensor.shape for tensor in sent] == [tensor.shape for tensor in given]
    if name != "meta":
        assert all(torch.equal(there.cpu(), here) for there, here in zip(sent, given, strict=True))


def test_device_is_one_that_is_there() -> None:
    assert torch.ones(1, device=pick_device()).item() == 1


@pytest.mark.parametrize("native", [True, False])
def test_what_a_processor_has_no_instructions_for_is_emulated(native: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(device, "has_bfloat16", lambda _: native)
    monkeypatch.setattr(torch.ops.mkldnn, "_is_mkldnn_fp16_supported", lambda: native)
    cpu, cuda = torch.device("cpu"), torch.device("cuda")
    assert [emulates(cpu, precision) for precision in ("fp32", "auto", "bf16", "fp16")] == [False] * 2 + [
        not native
    ] * 2
    assert [emulates(cuda, precision) for precision in ("bf16", "fp16")] == [not native, False]
