"""Images that come together share a run and get their own rows; the queue is bounded, and stuck decoders are seen."""

import asyncio
import threading
from collections.abc import Callable

import numpy as np
import pytest

from graft.apps.serve.batching import Batcher, Decoders, Queue
from graft.apps.serve.metrics import Metrics
from graft.apps.serve.responses import ProblemError
from tests.apps.serve.jumping_clock import run


class Graph:
    """Answers each image with its first pixel, when it may.

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


def test_images_share_runs_and_keep_their_answers() -> None:
    graph = Graph()
    assert ran(graph, 10, max_batch=4) == list(range(10))
    assert graph.batches == [4, 4, 2]


@pytest.mark.parametrize(("expected", "waited"), [(1, 0.0), (2, 5.0)])
def test_a_single_image_does_not_wait_and_others_no_longer_than_max_wait(expected: int, waited: float) -> None:
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

    async def results() -> list[object]:
        async with Batcher(failing, 2, 0.5, lambda: 4, Metrics()) as batcher:
            numbers = [7, 1, 2, 3]
            return list(await asyncio.gather(*(batcher.run(numbered(n)) for n in numbers), return_exceptions=True))

    rows = asyncio.run(results())
    assert [str(error) for error in rows[:2]] == ["no seven", "no seven"]
    assert [float(row[0]) for row in rows[2:]] == [2, 3]  # type: ignore[index]


def test_what_was_cancelled_is_not_computed() -> None:
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


def test_the_queue_holds_images_gives_room_back_and_refuses_what_exceeds_it() -> None:
    queue = Queue(3)
    with queue.hold(2):
        assert queue.size == 2
        with queue.hold(1), pytest.raises(ProblemError, match="3 pictures wait already and 3 may") as refused:
            queue.check()
        assert refused.value.fault.status == 503
        assert refused.value.headers == {"Retry-After": "1"}
        with pytest.raises(ValueError, match="broke"), queue.hold(1):
            raise ValueError("broke")
    assert queue.size == 0


class SlowDecode:
    """Decodes nothing until it may: `entered` counts what began, `go` lets it end."""

    def __init__(self) -> None:
        self.entered, self.go = threading.Semaphore(0), threading.Event()
        self.seen: list[bytes] = []

    def __call__(self, data: bytes) -> np.ndarray:
        self.seen.append(data)
        self.entered.release()
        self.go.wait()
        return numbered(data[0])

    async def begun(self) -> None:
        await asyncio.to_thread(self.entered.acquire)


def test_decoders_are_stuck_when_nobody_waits_for_any_of_their_images() -> None:
    slow = SlowDecode()

    async def states() -> list[bool]:
        decoders = Decoders(slow, 2)
        found = [decoders.stuck]
        tasks = []
        for data in (b"a", b"b"):
            tasks.append(asyncio.create_task(decoders.run(data)))
            await slow.begun()
            found.append(decoders.stuck)
        for task in tasks:
            task.cancel()
            await asyncio.wait([task])
            found.append(decoders.stuck)
        slow.go.set()
        await decoders.run(b"c")
        await decoders.run(b"d")
        while decoders.stuck:
            await asyncio.sleep(0)
        decoders.shutdown()
        return found

    assert asyncio.run(states()) == [False, False, False, False, True]


@pytest.mark.parametrize("give_up", [lambda task, _: task.cancel(), lambda _, decoders: decoders.shutdown()])
def test_an_image_that_is_given_up_before_its_turn_is_not_decoded(
    give_up: Callable[["asyncio.Task[np.ndarray]", "Decoders[np.ndarray]"], object],
) -> None:
    slow = SlowDecode()

    async def given_up() -> None:
        decoders = Decoders(slow, 1)
        first = asyncio.create_task(decoders.run(b"a"))
        await slow.begun()
        second = asyncio.create_task(decoders.run(b"b"))
        await asyncio.sleep(0)
        give_up(second, decoders)  # which does not wait for the first
        with pytest.raises(asyncio.CancelledError):
            await second
        slow.go.set()
        assert (await first)[0, 0, 0] == ord("a")
        decoders.shutdown()

    asyncio.run(given_up())
    assert slow.seen == [b"a"]
