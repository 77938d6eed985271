"""Where to compute, and in what precision."""

import ctypes
import os
import platform
from collections.abc import Sequence

import torch

from graft.network.config import Precision

MALLOPT = {
    -4: 0,  # M_MMAP_MAX: no block is a mapping of its own
    -1: 2**31 - 1,  # M_TRIM_THRESHOLD: the heap's end is not given back
    -2: 2**28,  # M_TOP_PAD: it grows by a quarter of a GiB at a time
}
"""Source: mallopt(3)."""


def pick_device() -> torch.device:
    """Return CUDA or MPS where there is one, else the CPU."""
    if torch.cuda.is_available():
        return torch.device("cuda")
    if torch.backends.mps.is_available():
        return torch.device("mps")
    return torch.device("cpu")


def send(tensors: Sequence[torch.Tensor], device: torch.device) -> list[torch.Tensor]:
    """Bring small tensors of one type from the CPU to a device by a single copy, which nobody waits for with a GPU."""
    if device.type == "cpu":
        return list(tensors)
    flat = torch.cat([tensor.flatten() for tensor in tensors])
    flat = flat.pin_memory().to(device, non_blocking=True) if device.type == "cuda" else flat.to(device)
    parts = flat.split([tensor.numel() for tensor in tensors])
    return [part.view(tensor.shape) for part, tensor in zip(parts, tensors, strict=True)]


def prepare() -> None:
    """Set this process up for heavy computing: the same bits on every run, and memory kept at hand.

    Source: https://docs.pytorch.org/docs/stable/notes/randomness.html
    """
    torch.use_deterministic_algorithms(True)  # an operation that knows none is an error; attention takes its own
    torch.backends.cuda.enable_cudnn_sdp(False)  # the one kernel of attention that knows none
    # else every fresh tensor is filled once more, a tenth of a CPU's time, to expose reads of unset memory
    torch.utils.deterministic.fill_uninitialized_memory = False  # type: ignore[attr-defined]
    torch.backends.cudnn.benchmark = False
    os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")  # cuBLAS reads it at the first call of CUDA
    # fp32 is what the bundle computes in, not ten bits of its mantissa
    torch.backends.cudnn.allow_tf32 = False
    torch.backends.cuda.matmul.allow_tf32 = False
    # by default glibc returns every large block to the kernel, which must clear the pages anew for the next
    # activation of the same size: a tenth of a CPU's time
    if platform.libc_ver()[0] == "glibc":
        libc = ctypes.CDLL(None)
        for parameter, value in MALLOPT.items():
            libc.mallopt(parameter, value)


def lacks_determinism(error: Exception) -> bool:
    """Tell an operation that has no deterministic form on its device, which `prepare` forbids, from other errors."""
    return isinstance(error, RuntimeError) and "does not have a deterministic implementation" in str(error)


def autocast(device: torch.device, precision: Precision) -> torch.autocast:
    """Return the context in which a network runs.

    ``auto`` takes bfloat16 where the processor computes in it, whatever the images are: what its answers
    are used for calls `graft.network.precision.settle` first.
    """
    if precision == "fp16":
        return torch.autocast(device.type, dtype=torch.float16)
    wanted = precision == "bf16" or (precision == "auto" and has_bfloat16(device))
    return torch.autocast(device.type, dtype=torch.bfloat16, enabled=wanted)


def gradient_scaler(device: torch.device, precision: Precision) -> torch.amp.GradScaler:
    """Return what keeps small gradients from vanishing in float16; elsewhere it does nothing.

    Source: Micikevicius et al. 2018, loss scaling, https://arxiv.org/abs/1710.03740
    """
    return torch.amp.GradScaler(device.type, enabled=precision == "fp16")


def has_bfloat16(device: torch.device) -> bool:
    """Whether a processor computes in bfloat16; elsewhere it is emulated, and slower than float32."""
    if device.type == "cuda":
        return bool(torch.cuda.is_bf16_supported(including_emulation=False))
    if device.type == "cpu":
        return bool(torch.cpu._is_avx512_bf16_supported() or torch.cpu._is_amx_tile_supported())
    return False


def emulates(device: torch.device, precision: Precision) -> bool:
    """Whether a processor has no instructions for a precision, which then takes many times as long as float32.

    Source: oneDNN, in which torch computes on a CPU, asked by `torch.ops.mkldnn`.
    """
    if precision == "fp16":
        return device.type == "cpu" and not bool(torch.ops.mkldnn._is_mkldnn_fp16_supported())
    return precision == "bf16" and device.type in ("cpu", "cuda") and not has_bfloat16(device)
