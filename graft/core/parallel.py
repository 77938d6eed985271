"""Work on many items at once in threads, in order, and never far ahead of whoever takes the results."""

import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from itertools import islice
from typing import TypeVar

Item = TypeVar("Item")
Result = TypeVar("Result")

AHEAD = 2  # items a thread may have taken or done before their results are wanted


def cores() -> int:
    """Number of cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1  # the first: Linux


def in_order(work: Callable[[Item], Result], items: Iterable[Item], threads: int | None = None) -> Iterator[Result]:
    """Yield what `work` gives of each item, in order, worked on in several threads; by default one a core.

    Items are taken in the thread that iterates. Memory is that of ``AHEAD * threads`` items and
    results. When the iteration is left, what has begun is finished and the rest is dropped.
    """
    threads = threads or cores()
    pool = ThreadPoolExecutor(threads, "ahead")
    waiting: deque[Future[Result]] = deque()
    try:
        for item in items:
            waiting.append(pool.submit(work, item))
            while len(waiting) >= AHEAD * threads or (waiting and waiting[0].done()):
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()
    finally:
        pool.shutdown(cancel_futures=True)


def batched(items: Iterable[Item], size: int) -> Iterator[list[Item]]:
    """Yield lists of so many items; the last may have fewer."""
    rest = iter(items)
    while batch := list(islice(rest, size)):
        yield batch
