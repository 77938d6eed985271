"""Pictures at addresses, several on their way at once, given up when the block that wants them ends or at Ctrl-C."""

import signal
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import CancelledError, Future, InvalidStateError
from contextlib import contextmanager, suppress
from queue import SimpleQueue
from weakref import WeakSet

from graft.errors import SourceError
from graft.predict.inputs import row_name
from graft.predict.web import fetch

AT_ONCE = 8
"""Addresses that are read from at once: while one server is waited for, others answer."""


class Remote:
    """A picture on its way; it can be read like an open file.

    Attributes:
        name: its address, without a password.
    """

    def __init__(self, uri: str, coming: Future[bytes]) -> None:
        self.name, self._coming = row_name(uri), coming

    def read(self) -> bytes:
        """Give the content, as soon as it is there.

        Raises:
            SourceError: it could not be fetched, or was given up.
        """
        try:
            return self._coming.result()
        except CancelledError as error:
            raise SourceError("was given up before it was there") from error


@contextmanager
def fetching() -> Iterator[Callable[[str], Remote]]:
    """Yield a function that begins to fetch an address; what is under way when the block ends is given up.

    At Ctrl-C it is given up at once: threads that wait for a picture are waited for in their turn, before
    the block ends.
    """
    fetchers = _Fetchers()
    with _at_ctrl_c(fetchers.stop):
        try:
            yield lambda uri: Remote(uri, fetchers.begin(uri))
        finally:
            fetchers.stop()


class _Fetchers:
    """Threads that fetch. Python does not wait for them at its exit, as it would for those of a pool."""

    def __init__(self) -> None:
        self._waiting: SimpleQueue[tuple[str, Future[bytes]] | None] = SimpleQueue()
        self._coming: WeakSet[Future[bytes]] = WeakSet()
        self._threads = 0

    def begin(self, uri: str) -> Future[bytes]:
        coming: Future[bytes] = Future()
        self._coming.add(coming)
        self._waiting.put((uri, coming))
        if self._threads < AT_ONCE:
            self._threads += 1
            threading.Thread(target=self._work, name=f"fetch_{self._threads}", daemon=True).start()
        return coming

    def stop(self) -> None:
        for coming in list(self._coming):
            coming.cancel()
        for _ in range(self._threads):
            self._waiting.put(None)

    def _work(self) -> None:
        while (entry := self._waiting.get()) is not None:
            _settle(*entry)
            del entry  # or the last picture would be kept while the next is waited for


def _settle(uri: str, coming: Future[bytes]) -> None:
    if coming.cancelled():
        return
    with suppress(InvalidStateError):  # given up meanwhile
        try:
            content = fetch(uri)
        except Exception as error:  # whoever reads it is told
            coming.set_exception(error)
        else:
            coming.set_result(content)


@contextmanager
def _at_ctrl_c(stop: Callable[[], None]) -> Iterator[None]:
    """Call `stop` before what Ctrl-C does otherwise, where signals arrive: in the main thread."""
    before = signal.getsignal(signal.SIGINT)
    if threading.current_thread() is not threading.main_thread() or not callable(before):
        yield
        return
    usual = before

    def handle(*given: object) -> None:
        stop()
        usual(*given)  # type: ignore[arg-type]

    signal.signal(signal.SIGINT, handle)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, usual)
