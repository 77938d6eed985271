"""A loop whose clock jumps: what waits for a time is given it at once, so that no test waits or hurries."""

import asyncio
import selectors
from collections.abc import Coroutine
from typing import Any, TypeVar

Made = TypeVar("Made")


class Jumping(selectors.DefaultSelector):
    """Waits for files, but not for a time to come: then `jumped`, in seconds, has passed."""

    def __init__(self) -> None:
        super().__init__()
        self.jumped = 0.0

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        """Say what is ready; if nothing is, be later by as long as would have been waited."""
        if timeout is None:
            return super().select()
        ready = super().select(0)
        if not ready:
            self.jumped += max(timeout, 0)
        return ready


class Loop(asyncio.SelectorEventLoop):
    """A loop by that clock."""

    def __init__(self) -> None:
        self.clock = Jumping()
        super().__init__(self.clock)

    def time(self) -> float:
        """Seconds that were jumped over."""
        return self.clock.jumped


def run(work: Coroutine[Any, Any, Made]) -> Made:
    """Run some work in such a loop."""
    with asyncio.Runner(loop_factory=Loop) as runner:
        return runner.run(work)
