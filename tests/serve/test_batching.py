"""Pictures that come together share a run; each gets its own row, and nobody waits for who is not coming."""

import asyncio
import time
from collections.abc import Callable

import numpy as np
import pytest

from graft.serve.batching import Batcher
from graft.serve.metrics import Metrics


class Graph:
    """Answers each picture with its first pixel; remembers the batches."""

    def __init__(self, seconds: float = 0.0) -> None:
        self.seconds, self.batches = seconds, list[int]()

    def __call__(self, pixels: np.ndarray) -> np.ndarray:
        self.batches.append(len(pixels))
        time.sleep(self.seconds)
        return pixels.reshape(len(pixels), -1)[:, :1].astype(np.float32)


def numbered(number: int) -> np.ndarray:
    return np.full((4, 4, 3), number, dtype=np.uint8)


async def answered(batcher: Batcher, numbers: range) -> list[float]:
    rows = await asyncio.gather(*(batcher.run(numbered(number)) for number in numbers))
    return [float(row[0]) for row in rows]


def ran(graph: Callable[[np.ndarray], np.ndarray], count: int, max_batch: int, wait: float = 0.5) -> list[float]:
    async def all_of_it() -> list[float]:
        async with Batcher(graph, max_batch, wait, lambda: count, Metrics()) as batcher:
            return await answered(batcher, range(count))

    return asyncio.run(all_of_it())


def test_pictures_share_runs_and_keep_their_answers() -> None:
    graph = Graph()
    assert ran(graph, 10, max_batch=4) == list(range(10))
    assert graph.batches == [4, 4, 2]


def test_who_is_alone_does_not_wait() -> None:
    graph = Graph()
    began = time.perf_counter()
    assert ran(graph, 1, max_batch=8, wait=5) == [0]
    assert time.perf_counter() - began < 2


def test_who_is_not_alone_waits_no_longer_than_told() -> None:
    async def first_of_two() -> float:
        async with Batcher(Graph(), 8, 0.1, lambda: 2, Metrics()) as batcher:
            began = time.perf_counter()
            await batcher.run(numbered(1))
            return time.perf_counter() - began

    assert 0.1 <= asyncio.run(first_of_two()) < 2


def test_what_comes_while_the_graph_runs_is_one_batch() -> None:
    graph = Graph(seconds=0.4)

    async def late() -> None:
        async with Batcher(graph, 8, 0.001, lambda: 1, Metrics()) as batcher:
            first = asyncio.create_task(batcher.run(numbered(0)))
            await asyncio.sleep(0.05)
            await answered(batcher, range(5))
            await first

    asyncio.run(late())
    assert graph.batches == [1, 5]


def test_a_failure_reaches_everyone_who_shared_it_and_nobody_else() -> None:
    def failing(pixels: np.ndarray) -> np.ndarray:
        if (pixels == 7).any():
            raise RuntimeError("no seven")
        return Graph()(pixels)

    async def told() -> list[object]:
        async with Batcher(failing, 2, 0.5, lambda: 4, Metrics()) as batcher:
            numbers = [7, 1, 2, 3]
            return list(await asyncio.gather(*(batcher.run(numbered(n)) for n in numbers), return_exceptions=True))

    said = asyncio.run(told())
    assert [str(error) for error in said[:2]] == ["no seven", "no seven"]
    assert [float(row[0]) for row in said[2:]] == [2, 3]  # type: ignore[index]


def test_who_gave_up_is_not_computed_for() -> None:
    graph = Graph(seconds=0.4)

    async def impatient() -> None:
        async with Batcher(graph, 1, 0.001, lambda: 1, Metrics()) as batcher:
            first = asyncio.create_task(batcher.run(numbered(0)))
            await asyncio.sleep(0.02)
            with pytest.raises(TimeoutError):
                await asyncio.wait_for(batcher.run(numbered(1)), 0.02)
            await first
            assert float((await batcher.run(numbered(2)))[0]) == 2

    asyncio.run(impatient())
    assert graph.batches == [1, 1]


def test_it_is_ready_only_while_it_works() -> None:
    async def states() -> list[bool]:
        batcher = Batcher(Graph(), 1, 0.001, lambda: 1, Metrics())
        before = batcher.ready
        async with batcher:
            during = batcher.ready
        return [before, during, batcher.ready]

    assert asyncio.run(states()) == [False, True, False]
