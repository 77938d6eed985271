"""Reading ahead keeps the order, and passes on what goes wrong."""

import threading
import time

import pytest

from graft.finetune.loop import Ahead


@pytest.mark.parametrize("count", [1, 2, 5])
def test_items_come_in_order(count: int) -> None:
    assert list(Ahead(lambda place: place * 10, range(count))) == [place * 10 for place in range(count)]


def test_the_next_is_read_while_one_is_in_use() -> None:
    second = threading.Event()

    def read(place: int) -> int:
        if place == 1:
            second.set()
        return place

    items = iter(Ahead(read, [0, 1, 2]))
    assert next(items) == 0
    assert second.wait(timeout=5)  # nobody has asked for it yet
    assert list(items) == [1, 2]


def test_waiting_is_counted() -> None:
    def read(place: int) -> int:
        time.sleep(0.1)
        return place

    slow = Ahead(read, [0, 1, 2])
    assert list(slow) == [0, 1, 2]
    assert slow.waited >= 0.1  # of 0.3: a busy machine may come to the waiting late


def test_an_error_reaches_the_reader() -> None:
    def read(place: int) -> float:
        return 1 / place

    with pytest.raises(ZeroDivisionError):
        list(Ahead(read, [1, 0]))
