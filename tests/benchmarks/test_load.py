import subprocess
import sys

import pytest

from benchmarks.load import Clock


def test_others_are_what_is_busy_and_not_own() -> None:
    before = Clock(wall=100.0, busy=1000.0, own=50.0)
    after = Clock(wall=110.0, busy=1016.0, own=62.0)  # of 20 seconds on two cores: 12 own, 4 of others
    assert before.others(after, cores=2) == pytest.approx(0.2)


def test_rounding_of_the_counters_gives_no_share_below_none() -> None:
    assert Clock(0.0, 0.0, 0.0).others(Clock(1.0, 0.99, 1.0), cores=1) == 0.0


def test_a_child_that_ended_counts_as_own() -> None:
    before = Clock.now()
    subprocess.run([sys.executable, "-c", "sum(range(5_000_000))"], check=True)
    after = Clock.now()
    assert after.own - before.own > 0.01
    assert after.wall > before.wall
    assert after.busy > before.busy
