"""How much of the machine others used while something was timed."""

import os
import resource
import time
from dataclasses import dataclass

import psutil

IDLE = ("idle", "iowait")
INSIDE = ("guest", "guest_nice")
"""Linux counts these in `user` and `nice` already."""


@dataclass(frozen=True, slots=True)
class Clock:
    """Seconds since some start: on the wall, of all cores together, of this process and its ended children."""

    wall: float
    busy: float
    own: float

    @classmethod
    def now(cls) -> "Clock":
        """Read all three."""
        times = psutil.cpu_times()._asdict()
        busy = sum(seconds for kind, seconds in times.items() if kind not in IDLE + INSIDE)
        usages = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
        return cls(time.monotonic(), busy, sum(usage.ru_utime + usage.ru_stime for usage in usages))

    def others(self, later: "Clock", cores: int | None = None) -> float:
        """Share of the cores that others used between two readings, from 0 to 1.

        What a hypervisor took for its other guests counts as others' too. Children count as own
        once they have ended and were waited for.
        """
        room = (later.wall - self.wall) * (cores or os.cpu_count() or 1)
        others = (later.busy - self.busy) - (later.own - self.own)
        return min(1.0, max(0.0, others / room))
