"""A stage shared out among processes, each with a device, by torch.distributed.

`GRAFT_LAUNCH` holds options of torchrun. Where it is set, a stage's first process does nothing but start others of the
same stage and wait; each of these takes its share, and the first of them writes. Without it all of this is idle.
"""

import os
import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import timedelta
from functools import cache
from typing import TypeVar

import torch
from torch import distributed as dist

from graft.network.device import pick_device
from graft.network.feed import fill

LAUNCH = "GRAFT_LAUNCH"
PATIENCE = timedelta(days=1)
"""How long a process waits for one that is slow; of one that has died, the launcher knows at once."""

Key = TypeVar("Key")


@contextmanager
def processes() -> Iterator[int | None]:
    """Yield which of the processes of a stage this is, from 0, the one that writes.

    It is 0 where the stage runs in one process, and None where this process has started others, which did the work.

    Raises:
        LaunchError: as of `graft.network.launch`.
    """
    if dist.is_torchelastic_launched():
        with _joined() as number:
            yield number
    elif options := os.environ.get(LAUNCH):
        from graft.network.launch import Launch  # late: most do without

        module = sys.modules["__main__"].__spec__
        assert module is not None  # stages are run as `python -m`
        Launch.parse(options, module.name).run()
        yield None
    else:
        yield 0


@contextmanager
def _joined() -> Iterator[int]:
    """Join the other processes and leave together; where this one ends with a message, the launcher is told."""
    dist.init_process_group(timeout=PATIENCE)  # nccl between GPUs, gloo between CPUs
    devices()
    try:
        yield dist.get_rank()
        dist.barrier()
        dist.destroy_process_group()
    except SystemExit as error:
        from torch.distributed.elastic.multiprocessing.errors import get_error_handler  # late, as above

        get_error_handler().record_exception(error)
        raise SystemExit(1) from None
    except RuntimeError as error:
        if not (isinstance(error, dist.DistError) or "/gloo/" in str(error)):
            raise
        sys.exit(f"process {dist.get_rank()} has lost another: {error}")  # of which the launcher knows more


def rank() -> int:
    """Which of the processes this is, from 0."""
    return dist.get_rank() if dist.is_initialized() else 0


def world() -> int:
    """How many processes there are."""
    return dist.get_world_size() if dist.is_initialized() else 1


@cache
def devices() -> str:
    """Name the processes and their devices, ``2 x cpu``; all must call it, as soon as they have joined."""
    device = pick_device()
    names = [torch.cuda.get_device_name() if device.type == "cuda" else device.type]
    if dist.is_initialized():
        names *= world()
        dist.all_gather_object(names, names[0])
    return ", ".join(f"{count} x {name}" for name, count in Counter(names).items())


def broadcast(number: int) -> int:
    """Return the first process's number on all of them."""
    if world() == 1:
        return number
    tensor = torch.tensor(number, device=pick_device())
    dist.broadcast(tensor, 0)
    return int(tensor)


def total(tensor: torch.Tensor) -> torch.Tensor:
    """Sum a tensor over all processes, in place."""
    if world() > 1:
        dist.all_reduce(tensor)
    return tensor


def in_turn(parts: Sequence[Key]) -> list[Key]:
    """What this process computes of some parts: in each turn one, the last part once more where none is left."""
    turns = range(0, len(parts), world())
    return [parts[min(turn + rank(), len(parts) - 1)] for turn in turns]


def gathered(output: torch.Tensor, count: int) -> Iterator[torch.Tensor]:
    """Yield what each process computed in a turn, in order, on all of them.

    Args:
        output: `[B, ...]` of this one, of at most `count` images.

    Yields:
        `[count, ...]`, of which those behind the images mean nothing; alone, the output as it is.
    """
    if world() == 1:
        yield output
        return
    own = fill(output, count)
    outputs = [torch.empty_like(own) for _ in range(world())]
    dist.all_gather(outputs, own)
    yield from outputs
