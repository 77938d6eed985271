"""Share the pictures of a batch among a CPU's cores, a run of pictures each.

Torch itself shares out every single operation, and all cores wait for the slowest after each. Here
they wait once a batch: on a machine that is busy with other things as well, that is several times
as fast.
"""

import functools
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise
from threading import Barrier

import torch


def share_out(work: Callable[[slice], None], count: int, device: torch.device) -> None:
    """Do `work` for `count` pictures, in as many runs as torch has threads on a CPU, else in one.

    Args:
        work: is given which pictures; what it does to one must not depend on the others.
    """
    threads = min(torch.get_num_threads(), count) if device.type == "cpu" else 1
    if threads <= 1:
        work(slice(0, count))
        return
    ends = [count * number // threads for number in range(threads + 1)]
    list(_workers(torch.get_num_threads()).map(work, (slice(*run) for run in pairwise(ends))))


@functools.cache
def _workers(threads: int) -> ThreadPoolExecutor:
    """Threads in each of which torch computes alone."""
    ready = Barrier(threads + 1)

    def start() -> None:
        torch.get_num_threads()  # the first call in a thread sets it up, over what was set before
        torch.set_num_threads(1)  # of this thread
        ready.wait()

    pool = ThreadPoolExecutor(threads, "views", start)
    for _ in range(threads):
        pool.submit(int)
    ready.wait()
    torch.set_num_threads(threads)  # again what threads yet to come begin with
    return pool
