"""Micro-batching: pictures of different requests that come at about the same time share a run of the graph."""

import asyncio
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from threading import get_ident
from typing import Generic, Self, TypeVar

import numpy as np
from numpy.typing import NDArray
from prometheus_client import Gauge

from graft.apps.serve.metrics import Metrics
from graft.apps.serve.problems import busy


class Line:
    """Places for pictures that wait or are worked on; whoever finds none left is turned away at once.

    Attributes:
        taken: places in use.
    """

    def __init__(self, places: int, gauge: Gauge) -> None:
        self.places, self.gauge = places, gauge
        self.taken = 0

    @property
    def full(self) -> bool:
        """Whether the next picture would be turned away."""
        return self.taken >= self.places

    def check(self, count: int) -> None:
        """See that there are places for some pictures now.

        Raises:
            ProblemError: 503, there are not that many left.
        """
        if self.taken + count > self.places:
            raise busy(f"{self.taken} pictures wait already and {self.places} may; try again")

    @contextmanager
    def enter(self, count: int) -> Iterator[None]:
        """Hold places for some pictures.

        Raises:
            ProblemError: 503, there are not that many left.
        """
        self.check(count)
        self._take(count)
        try:
            yield
        finally:
            self._take(-count)

    def _take(self, count: int) -> None:
        self.taken += count
        self.gauge.set(self.taken)


Made = TypeVar("Made")


class Decoders(Generic[Made]):
    """Threads that decode pictures.

    A thread cannot be stopped from outside: one whose picture takes longer than anybody waits for it
    goes on, and is of no use until it is done.

    Args:
        decode: makes of the bytes of a picture what is wanted.
        threads: how many decode at once.
        timeout: seconds after which nobody waits any more.
        clock: seconds, ever more.
    """

    def __init__(
        self,
        decode: Callable[[bytes | bytearray], Made],
        threads: int,
        timeout: float,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._decode, self._threads, self._timeout, self._clock = decode, threads, timeout, clock
        self._pool = ThreadPoolExecutor(threads, thread_name_prefix="decode")
        self._began: dict[int, float] = {}

    @property
    def stuck(self) -> bool:
        """Whether every thread is at a picture that nobody waits for any more."""
        since = self._clock() - self._timeout
        return sum(began <= since for began in list(self._began.values())) == self._threads

    async def run(self, data: bytes | bytearray) -> Made:
        """Decode a picture when a thread is free; one that is given up before is never begun."""
        return await asyncio.get_running_loop().run_in_executor(self._pool, self._timed, data)

    def shutdown(self) -> None:
        """Begin no more; what is under way is not waited for."""
        self._pool.shutdown(wait=False, cancel_futures=True)

    def _timed(self, data: bytes | bytearray) -> Made:
        self._began[get_ident()] = self._clock()
        try:
            return self._decode(data)
        finally:
            del self._began[get_ident()]


Pixels = NDArray[np.uint8]
Row = NDArray[np.float32]
Waiting = tuple[Pixels, asyncio.Future[Row]]


class Batcher:
    """Runs a graph on pictures as they come, in one thread; an async context manager.

    Args:
        graph: takes pixels `[B, S, S, 3]`, gives probabilities `[B, K]`.
        max_batch: pictures a run.
        max_wait: seconds that the first picture of a batch waits for others.
        expected: how many pictures are on their way in all; once all of them are here nobody waits.
        metrics: where batches are counted.
    """

    def __init__(
        self,
        graph: Callable[[Pixels], Row],
        max_batch: int,
        max_wait: float,
        expected: Callable[[], int],
        metrics: Metrics,
    ) -> None:
        self._graph, self._max_batch, self._max_wait = graph, max_batch, max_wait
        self._expected, self._metrics = expected, metrics
        self._queue: asyncio.Queue[Waiting] = asyncio.Queue()
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="graph")
        self._task: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Self:
        self._task = asyncio.create_task(self._work())
        return self

    async def __aexit__(self, *_: object) -> None:
        task, self._task = self._task, None
        if task is not None:
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task
        self._thread.shutdown(wait=False, cancel_futures=True)

    @property
    def ready(self) -> bool:
        """Whether pictures are worked on."""
        return self._task is not None and not self._task.done()

    async def run(self, pixels: Pixels) -> Row:
        """Return the probabilities `[K]` of one picture `[S, S, 3]`."""
        future: asyncio.Future[Row] = asyncio.get_running_loop().create_future()
        self._queue.put_nowait((pixels, future))
        return await future

    async def _work(self) -> None:
        loop = asyncio.get_running_loop()
        while True:
            # who gave up meanwhile is not computed for
            batch = [entry for entry in await self._gather() if not entry[1].done()]
            if not batch:
                continue
            self._metrics.batches.observe(len(batch))
            try:
                rows = await loop.run_in_executor(self._thread, self._timed, np.stack([pixels for pixels, _ in batch]))
            except Exception as error:  # each request that shared the batch must hear of it
                for _, future in batch:
                    if not future.done():
                        future.set_exception(error)
            else:
                for (_, future), row in zip(batch, rows, strict=True):
                    if not future.done():
                        future.set_result(row)

    async def _gather(self) -> list[Waiting]:
        batch = [await self._queue.get()]
        with suppress(TimeoutError):
            async with asyncio.timeout(self._max_wait):
                while len(batch) < self._max_batch and (self._queue.qsize() or len(batch) < self._expected()):
                    batch.append(await self._queue.get())
        return batch

    def _timed(self, pixels: Pixels) -> Row:
        began = time.perf_counter()
        rows = self._graph(pixels)
        self._metrics.graph.observe(time.perf_counter() - began)
        return rows
