"""Every picture is worked on once, by threads in which torch computes alone."""

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest
import torch

from graft.augment.augment import share_out

CPU = torch.device("cpu")


@pytest.fixture(params=[1, 2, 3])
def threads(request: pytest.FixtureRequest) -> Iterator[int]:
    before = torch.get_num_threads()
    torch.set_num_threads(request.param)
    yield request.param
    torch.set_num_threads(before)


@pytest.mark.parametrize("count", [1, 2, 3, 7])
def test_every_image_once(threads: int, count: int) -> None:
    done = torch.zeros(count)
    runs: list[slice] = []

    def work(run: slice) -> None:
        done[run] += 1
        runs.append(run)

    share_out(work, count, CPU)
    assert done.tolist() == [1] * count
    assert len(runs) == min(threads, count)
    assert max(run.stop - run.start for run in runs) <= -(-count // len(runs))


def test_torch_computes_alone_in_each_and_as_before_elsewhere(threads: int) -> None:
    seen: list[int] = []
    share_out(lambda _: seen.append(torch.get_num_threads()), 12, CPU)
    assert seen == [1] * threads
    assert torch.get_num_threads() == threads
    with ThreadPoolExecutor(1) as fresh:
        assert fresh.submit(torch.get_num_threads).result() == threads


def test_other_devices_take_all_at_once() -> None:
    runs: list[slice] = []
    share_out(runs.append, 5, torch.device("meta"))
    assert runs == [slice(0, 5)]


def test_what_goes_wrong_is_raised(threads: int) -> None:
    def work(run: slice) -> None:
        raise RuntimeError(f"{threading.current_thread().name} fails at {run.start}")

    with pytest.raises(RuntimeError, match="fails at 0"):
        share_out(work, 4, CPU)
