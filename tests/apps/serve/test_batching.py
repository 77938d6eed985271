"""Pictures that come together share a run; each gets its own row, and nobody waits for who is not coming."""

import asyncio
import threading
from collections.abc import Callable

import numpy as np
import pytest

from graft.apps.serve.batching import Batcher
from graft.apps.serve.metrics import Metrics
from tests.apps.serve.clock import run


class Graph:
    """Answers each picture with its first pixel, when it may.

    Attributes:
        batches: sizes of what it was given.
        entered: has one more for each.
        go: while it is not set, nothing is answered.
    """

    def __init__(self) -> None:
        self.batches = list[int]()
        self.entered, self.go = threading.Semaphore(0), threading.Event()
        self.go.set()

    def __call__(self, pixels: np.ndarray) -> np.ndarray:
        self.batches.append(len(pixels))
        self.entered.release()
        self.go.wait()
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


@pytest.mark.parametrize(("expected", "waited"), [(1, 0.0), (2, 5.0)])
def test_who_is_alone_does_not_wait_and_others_no_longer_than_told(expected: int, waited: float) -> None:
    async def first() -> float:
        async with Batcher(Graph(), 8, 5, lambda: expected, Metrics()) as batcher:
            assert await answered(batcher, range(1)) == [0]
            return asyncio.get_running_loop().time()

    assert run(first()) == pytest.approx(waited)


def test_what_comes_while_the_graph_runs_is_one_batch() -> None:
    graph = Graph()
    graph.go.clear()

    async def late() -> None:
        async with Batcher(graph, 8, 0.001, lambda: 1, Metrics()) as batcher:
            first = asyncio.create_task(batcher.run(numbered(0)))
            await asyncio.to_thread(graph.entered.acquire)
            others = [asyncio.create_task(batcher.run(numbered(number))) for number in range(5)]
            await asyncio.sleep(0)
            graph.go.set()
            await asyncio.gather(first, *others)

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
    graph = Graph()
    graph.go.clear()

    async def impatient() -> None:
        async with Batcher(graph, 1, 0.001, lambda: 1, Metrics()) as batcher:
            first = asyncio.create_task(batcher.run(numbered(0)))
            await asyncio.to_thread(graph.entered.acquire)
            second = asyncio.create_task(batcher.run(numbered(1)))
            await asyncio.sleep(0)
            second.cancel()
            graph.go.set()
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
