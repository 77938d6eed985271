"""Read the next item while the last one is worked on."""

import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Generic, TypeVar

Place = TypeVar("Place")
Item = TypeVar("Item")


class Ahead(Generic[Place, Item]):
    """The items at some places, in order, each read in a thread while the one before is in use.

    Args:
        read: gives the item at a place. On a CPU it should not compute with torch: a second thread
            that does keeps a team of threads of its own, which gets in the way of the first's.
        places: which, at least one.

    Attributes:
        waited: seconds that whoever iterates had to wait for `read`, so far.
    """

    def __init__(self, read: Callable[[Place], Item], places: Sequence[Place]) -> None:
        self._read, self._places = read, places
        self.waited = 0.0

    def __iter__(self) -> Iterator[Item]:
        with ThreadPoolExecutor(1) as thread:
            coming = thread.submit(self._read, self._places[0])
            for place in self._places[1:]:
                item = self._wait_for(coming)
                coming = thread.submit(self._read, place)
                yield item
            yield self._wait_for(coming)

    def _wait_for(self, coming: Future[Item]) -> Item:
        began = time.perf_counter()
        item = coming.result()
        self.waited += time.perf_counter() - began
        return item
