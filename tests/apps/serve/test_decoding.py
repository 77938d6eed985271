"""Pictures are decoded in threads; those that take for ever are seen, and hold up no end."""

import asyncio
import threading
from collections.abc import Callable

import pytest

from graft.apps.serve.batching import Decoders


class Endless:
    """Decodes nothing until it may: `entered` counts those that began, `go` lets them end."""

    def __init__(self) -> None:
        self.entered, self.go = threading.Semaphore(0), threading.Event()
        self.seen: list[bytes] = []

    def __call__(self, data: bytes | bytearray) -> str:
        self.seen.append(bytes(data))
        self.entered.release()
        self.go.wait()
        return data.decode()

    async def begun(self, count: int) -> None:
        for _ in range(count):
            await asyncio.to_thread(self.entered.acquire)


def test_it_is_stuck_when_every_thread_is_past_its_time() -> None:
    now, endless = 0.0, Endless()

    async def states() -> list[bool]:
        nonlocal now
        decoders = Decoders(endless, 2, 30, lambda: now)
        said = [decoders.stuck]
        first = asyncio.create_task(decoders.run(b"a"))
        await endless.begun(1)
        now = 10
        second = asyncio.create_task(decoders.run(b"b"))
        await endless.begun(1)
        now = 30
        said.append(decoders.stuck)
        now = 40
        said.append(decoders.stuck)
        endless.go.set()
        assert [await first, await second] == ["a", "b"]
        said.append(decoders.stuck)
        decoders.shutdown()
        return said

    assert asyncio.run(states()) == [False, False, True, False]


@pytest.mark.parametrize("give_up", [lambda task, _: task.cancel(), lambda _, decoders: decoders.shutdown()])
def test_what_is_given_up_before_its_turn_is_not_begun(
    give_up: Callable[["asyncio.Task[str]", "Decoders[str]"], object],
) -> None:
    endless = Endless()

    async def given_up() -> None:
        decoders = Decoders(endless, 1, 30)
        first = asyncio.create_task(decoders.run(b"a"))
        await endless.begun(1)
        second = asyncio.create_task(decoders.run(b"b"))
        await asyncio.sleep(0)
        give_up(second, decoders)  # which does not wait for the first
        with pytest.raises(asyncio.CancelledError):
            await second
        endless.go.set()
        assert await first == "a"
        decoders.shutdown()

    asyncio.run(given_up())
    assert endless.seen == [b"a"]
