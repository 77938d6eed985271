"""The threads that decode."""

import asyncio
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from threading import get_ident
from typing import Generic, TypeVar

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
