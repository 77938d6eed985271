"""Order is kept, little is taken ahead, and nothing is left running."""

import os
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Executor, Future
from typing import Any

import pytest

from graft.core.parallel import AHEAD, batched, cores, in_order


@pytest.mark.parametrize("threads", [1, 2, 5])
def test_order_is_kept_whatever_takes_longest(threads: int) -> None:
    begun = [threading.Event() for _ in range(41)]

    def work(number: int) -> int:
        begun[number].set()
        if number % 2 == 0 and threads > 1 and number < 39:  # every other ends after the one behind it has begun
            begun[number + 1].wait()
        return number * number

    assert list(in_order(work, range(40), threads)) == [number * number for number in range(40)]


@pytest.mark.parametrize("threads", [1, 3])
def test_no_more_is_taken_ahead_than_said(threads: int) -> None:
    taken = 0
    most = 0

    def numbers() -> Iterator[int]:
        nonlocal taken
        for number in range(500):
            taken += 1
            yield number

    for given, _ in enumerate(in_order(lambda number: number, numbers(), threads)):
        most = max(most, taken - given)
    assert taken == 500
    assert most <= AHEAD * threads


class AtOnce(Executor):
    """Does the work where it is asked for: it is done by the time that more is."""

    def __init__(self, *_: object) -> None: ...

    def submit(self, work: Callable[..., Any], /, *words: Any, **named: Any) -> "Future[Any]":
        done: Future[Any] = Future()
        done.set_result(work(*words, **named))
        return done


def test_what_is_done_is_given_before_more_is_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    """A slow stream, such as a camera's, gets its answers as they come."""
    monkeypatch.setitem(in_order.__globals__, "ThreadPoolExecutor", AtOnce)
    given: list[int] = []

    def numbers() -> Iterator[int]:
        for number in range(5):
            assert given == list(range(number))
            yield number

    for result in in_order(lambda number: number, numbers(), 4):
        given.append(result)
    assert given == list(range(5))


def test_leaving_early_ends_the_threads() -> None:
    results = in_order(lambda number: number, iter(range(1000)), 2)
    assert next(results) == 0
    results.close()  # type: ignore[attr-defined]
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("ahead")]


def test_what_goes_wrong_comes_in_its_place() -> None:
    def work(number: int) -> int:
        if number == 3:
            raise RuntimeError("three")
        return number

    results = in_order(work, range(10), 2)
    assert [next(results) for _ in range(3)] == [0, 1, 2]
    with pytest.raises(RuntimeError, match="three"):
        next(results)


def test_batches() -> None:
    assert list(batched(range(7), 3)) == [[0, 1, 2], [3, 4, 5], [6]]
    assert list(batched([], 3)) == []


def test_cores_are_those_of_this_process(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: {0, 5, 7}, raising=False)
    assert cores() == 3
    monkeypatch.delattr(os, "sched_getaffinity")
    monkeypatch.setattr(os, "cpu_count", lambda: 8)
    assert cores() == 8
