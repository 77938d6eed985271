"""Batches on the device before they are asked for, and results back on the host, while the device computes.

With a GPU nobody waits for a copy: several threads read rows into pinned memory, a stream of its own brings them over,
and a result is looked at when the next one is under way. On a CPU the next batch is read meanwhile.
"""

from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from itertools import pairwise
from typing import TypeVar

import numpy as np
import torch
from numpy.typing import NDArray

from graft.data.arrays import ImageRows

READERS = 4
"""Threads that read a batch for a GPU: a single one copies fewer images a second than a GPU embeds."""

Key = TypeVar("Key")
Item = TypeVar("Item")
Tensors = tuple[torch.Tensor, ...]


def read_rows(images: ImageRows, rows: NDArray[np.int64], device: torch.device) -> torch.Tensor:
    """Read rows `[B, ...]` into memory: for a GPU into pinned memory, by several threads."""
    if device.type != "cuda":
        return torch.from_numpy(images.read(rows))
    buffer = _pinned((len(rows), *images.shape[1:]), torch.uint8)
    read_parts(images, rows, buffer.numpy())
    return buffer


def read_parts(images: ImageRows, rows: NDArray[np.int64], out: NDArray[np.uint8]) -> None:
    """Read rows into an array of as many, each of `READERS` threads a part of them."""
    bounds = [len(rows) * number // READERS for number in range(READERS + 1)]
    list(_readers().map(lambda part: images.read(rows[slice(*part)], out[slice(*part)]), pairwise(bounds)))


@cache
def _readers() -> ThreadPoolExecutor:
    return ThreadPoolExecutor(READERS, "reader")


def _pinned(shape: Sequence[int], dtype: torch.dtype) -> torch.Tensor:
    """Memory that a GPU reads and writes by itself; torch keeps it for the next of its size."""
    return torch.empty(shape, dtype=dtype, pin_memory=torch.cuda.is_available())


def feed(read: Callable[[Key], Tensors], keys: Sequence[Key], device: torch.device) -> Generator[Tensors, None, None]:
    """Yield the tensors that `read` gives of every key, in order, on the device.

    Args:
        read: gives tensors on the CPU, those for a GPU in pinned memory. Where the device is a CPU it should not
            compute with torch: a second thread that does keeps a team of threads of its own, which gets in the way
            of the first's.
    """
    if device.type == "cuda":
        return stream(read, keys, device)
    return prefetch(lambda key: tuple(tensor.to(device) for tensor in read(key)), keys)


def stream(read: Callable[[Key], Tensors], keys: Sequence[Key], device: torch.device) -> Generator[Tensors, None, None]:
    """As `feed`, by a stream of copies beside the one that computes, which waits for them; the host does not."""
    module = torch.get_device_module(device)
    copies = module.Stream()

    def copied(key: Key) -> tuple[Tensors, torch.Event]:
        with module.stream(copies):
            there = tuple(tensor.to(device, non_blocking=True) for tensor in read(key))
            end: torch.Event = module.Event()
            end.record(copies)
        return there, end

    for tensors, end in prefetch(copied, keys):
        computing = module.current_stream()
        computing.wait_event(end)
        for tensor in tensors:
            tensor.record_stream(computing)  # else the next copy might take its memory before that has read it
        yield tensors


def fetch(outputs: Iterable[torch.Tensor], device: torch.device) -> Iterator[NDArray[np.float32]]:
    """Yield a device's outputs on the host, in order."""
    return fetch_late(outputs, device) if device.type == "cuda" else (output.cpu().numpy() for output in outputs)


def fetch_late(outputs: Iterable[torch.Tensor], device: torch.device) -> Iterator[NDArray[np.float32]]:
    """As `fetch`, each when the next is under way, so that the device always has something to do."""
    module = torch.get_device_module(device)
    waiting: tuple[torch.Tensor, torch.Event] | None = None
    for output in outputs:
        host = _pinned(output.shape, output.dtype).copy_(output, non_blocking=True)
        end: torch.Event = module.Event()
        end.record()
        if waiting is not None:
            yield _arrived(*waiting)
        waiting = host, end
    if waiting is not None:
        yield _arrived(*waiting)


def _arrived(host: torch.Tensor, end: torch.Event) -> NDArray[np.float32]:
    end.synchronize()
    return host.numpy().copy()  # pinned memory is not for keeping


def fill(batch: torch.Tensor, count: int) -> torch.Tensor:
    """Repeat the first of a batch `[B, ...]` behind its last until there are `count`.

    A GPU's libraries plan anew for every shape that they meet, for seconds: a process should have one.
    """
    missing = count - len(batch)
    return batch if missing <= 0 else torch.cat([batch, batch[:1].expand(missing, *batch.shape[1:])])


def prefetch(read: Callable[[Key], Item], keys: Sequence[Key]) -> Generator[Item, None, None]:
    """Yield `read(key)` of every key in order, each read in a thread while the one before is in use."""
    if not keys:
        return
    with ThreadPoolExecutor(1, "ahead") as thread:
        pending = thread.submit(read, keys[0])
        for key in keys[1:]:
            item = pending.result()
            pending = thread.submit(read, key)
            yield item
        yield pending.result()
