"""The line in which pictures wait: so many places and no more."""

from collections.abc import Iterator
from contextlib import contextmanager

from prometheus_client import Gauge

from graft.serve.problems import busy


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
