"""Micro-batching: pictures of different requests that come at about the same time share a run of the graph."""

import asyncio
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import Self

import numpy as np
from numpy.typing import NDArray

from graft.serve.metrics import Metrics

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
