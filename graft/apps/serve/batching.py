"""Micro-batching: images of different requests that come at about the same time share a run of the graph."""

import asyncio
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager, suppress
from typing import Generic, Self, TypeAlias, TypeVar

import numpy as np
from numpy.typing import NDArray

from graft.apps.serve.metrics import Metrics
from graft.apps.serve.responses import busy

Pixels: TypeAlias = NDArray[np.uint8]
Probabilities: TypeAlias = NDArray[np.float32]
Decoded = TypeVar("Decoded")
Graph: TypeAlias = Callable[[Pixels], Probabilities]


class Queue:
    """Counts the images that wait or are worked on; what exceeds its capacity is refused at once."""

    def __init__(self, capacity: int) -> None:
        self.capacity, self.size = capacity, 0

    def check(self, count: int = 1) -> None:
        """See that some more images fit in now.

        Raises:
            ProblemError: 503, they do not.
        """
        if self.size + count > self.capacity:
            raise busy(f"{self.size} pictures wait already and {self.capacity} may; try again")

    @contextmanager
    def hold(self, count: int) -> Iterator[None]:
        """Count some images in for as long as they are worked on.

        Raises:
            ProblemError: 503, they do not fit in.
        """
        self.check(count)
        self.size += count
        try:
            yield
        finally:
            self.size -= count


class Decoders(Generic[Decoded]):
    """Threads that decode the bytes of images.

    One whose image takes longer than anybody waits for it cannot be stopped; it is of no use until it is done.
    """

    def __init__(self, decode: Callable[[bytes], Decoded], threads: int) -> None:
        self._decode, self._threads = decode, threads
        self._pool = ThreadPoolExecutor(threads, thread_name_prefix="decode")
        self._abandoned: list[Future[Decoded]] = []

    @property
    def stuck(self) -> bool:
        """Whether every thread is at an image that nobody waits for any more."""
        self._abandoned = [future for future in self._abandoned if future.running()]
        return len(self._abandoned) == self._threads

    async def run(self, data: bytes) -> Decoded:
        """Decode an image as soon as a thread is free; one that is cancelled before is never begun."""
        future = self._pool.submit(self._decode, data)
        try:
            return await asyncio.wrap_future(future)
        finally:
            if future.running():
                self._abandoned.append(future)

    def shutdown(self) -> None:
        """Begin no more; what is under way is not waited for."""
        self._pool.shutdown(wait=False, cancel_futures=True)


class Batcher:
    """Runs a graph on images as they come, in one thread; an async context manager.

    Args:
        graph: takes pixels `[B, S, S, 3]`, gives probabilities `[B, K]`.
        max_batch: images a run.
        max_wait: seconds that the first image of a batch waits for others.
        expected: how many images are on their way in all; once all of them are here nobody waits.
        metrics: where batches are counted.
    """

    def __init__(
        self, graph: Graph, max_batch: int, max_wait: float, expected: Callable[[], int], metrics: Metrics
    ) -> None:
        self._graph, self._max_batch, self._max_wait = graph, max_batch, max_wait
        self._expected, self._metrics = expected, metrics
        self._waiting: asyncio.Queue[tuple[Pixels, asyncio.Future[Probabilities]]] = asyncio.Queue()
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="graph")

    async def __aenter__(self) -> Self:
        self._task = asyncio.create_task(self._work())
        return self

    async def __aexit__(self, *_: object) -> None:
        self._task.cancel()
        await asyncio.wait([self._task])
        self._thread.shutdown(wait=False, cancel_futures=True)

    async def run(self, pixels: Pixels) -> Probabilities:
        """Return the probabilities `[K]` of one image `[S, S, 3]`."""
        future: asyncio.Future[Probabilities] = asyncio.get_running_loop().create_future()
        self._waiting.put_nowait((pixels, future))
        return await future

    async def _work(self) -> None:
        loop = asyncio.get_running_loop()
        while True:
            # what was cancelled meanwhile is not computed
            batch = [(pixels, future) for pixels, future in await self._gather() if not future.done()]
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

    async def _gather(self) -> list[tuple[Pixels, asyncio.Future[Probabilities]]]:
        batch = [await self._waiting.get()]
        with suppress(TimeoutError):
            async with asyncio.timeout(self._max_wait):
                while len(batch) < self._max_batch and (self._waiting.qsize() or len(batch) < self._expected()):
                    batch.append(await self._waiting.get())
        return batch

    def _timed(self, pixels: Pixels) -> Probabilities:
        with self._metrics.graph.time():
            return self._graph(pixels)
