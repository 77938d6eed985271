"""Where to compute, and in what precision."""

from typing import Literal

import torch

Precision = Literal["auto", "fp32", "bf16"]


def pick_device() -> torch.device:
    """Return CUDA or MPS where there is one, else the CPU."""
    if torch.cuda.is_available():
        return torch.device("cuda")
    if torch.backends.mps.is_available():
        return torch.device("mps")
    return torch.device("cpu")


def make_deterministic() -> None:
    """Ask torch for algorithms that give the same bits on every run of the same machine."""
    torch.use_deterministic_algorithms(True, warn_only=True)
    # else every fresh tensor is filled once more, a tenth of a CPU's time, to expose reads of unset memory
    torch.utils.deterministic.fill_uninitialized_memory = False  # type: ignore[attr-defined]
    torch.backends.cudnn.benchmark = False


def autocast(device: torch.device, precision: Precision) -> torch.autocast:
    """Return the context in which a network runs.

    ``auto`` takes bfloat16 where the processor computes in it: on a CPU without such instructions
    it is emulated, and slower than float32.
    """
    wanted = precision == "bf16" or (precision == "auto" and _has_bfloat16(device))
    return torch.autocast(device.type, dtype=torch.bfloat16, enabled=wanted)


def _has_bfloat16(device: torch.device) -> bool:
    if device.type == "cuda":
        return bool(torch.cuda.is_bf16_supported(including_emulation=False))
    if device.type == "cpu":
        return bool(torch.cpu._is_avx512_bf16_supported() or torch.cpu._is_amx_tile_supported())
    return False
