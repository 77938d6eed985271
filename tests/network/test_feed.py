"""Batches come in order and whole, the next while one is in use; with streams nothing is looked at too early."""

import threading
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch

from graft.data.arrays import ImageRows
from graft.network.feed import feed, fetch, fetch_late, fill, prefetch, read_parts, read_rows, stream

CPU = torch.device("cpu")


@pytest.fixture
def images(tmp_path: Path) -> ImageRows:
    pixels = np.random.default_rng(0).integers(0, 256, (7, 4, 4, 3), dtype=np.uint8)
    np.save(tmp_path / "pixels.npy", pixels)
    pd.DataFrame({"path": [f"{number}.png" for number in range(7)]}).to_csv(tmp_path / "rows.csv", index=False)
    return ImageRows(tmp_path / "pixels.npy")


@pytest.mark.parametrize("rows", [[6], [3, 0], [5, 5, 1, 0, 6, 2, 4, 3, 1]])
def test_rows_are_read_whole_by_however_many_threads(images: ImageRows, rows: list[int]) -> None:
    wanted = images.array[rows]
    assert np.array_equal(read_rows(images, np.array(rows), CPU).numpy(), wanted)
    out = np.empty_like(wanted)
    read_parts(images, np.array(rows), out)
    assert np.array_equal(out, wanted)


@pytest.mark.parametrize("streamed", [False, True])
@pytest.mark.parametrize("count", [0, 1, 5])
def test_batches_are_fed_in_order(count: int, streamed: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.Tensor, "record_stream", lambda *_: None)  # a CPU's streams are stand-ins
    way = stream if streamed else feed
    fed = way(lambda key: (torch.full((2,), key), torch.tensor(-key)), range(count), CPU)
    assert [(first.tolist(), second.item()) for first, second in fed] == [([key, key], -key) for key in range(count)]


def test_a_gpu_gets_what_is_read_and_gives_it_back(cuda: torch.device, images: ImageRows) -> None:
    parts = [np.array([number % 7, 6 - number % 7]) for number in range(40)]
    fed = feed(lambda part: (read_rows(images, part, cuda),), parts, cuda)
    arrived = fetch((pixels.float() + 1 for (pixels,) in fed), cuda)
    for part, values in zip(parts, arrived, strict=True):
        assert np.array_equal(values, images.array[part].astype(np.float32) + 1)


@pytest.mark.parametrize("count", [0, 1, 4])
def test_outputs_arrive_in_order(count: int) -> None:
    outputs = [torch.full((2,), number, dtype=torch.float32) for number in range(count)]
    for way in (fetch, fetch_late):
        assert [values.tolist() for values in way(iter(outputs), CPU)] == [[number] * 2 for number in range(count)]


def test_an_output_is_looked_at_when_the_next_is_under_way() -> None:
    made: list[int] = []

    def outputs() -> Iterator[torch.Tensor]:
        for number in range(3):
            made.append(number)
            yield torch.tensor([float(number)])

    arrived = fetch_late(outputs(), CPU)
    assert next(arrived).tolist() == [0]
    assert made == [0, 1]


def test_a_batch_is_filled_up_by_its_first() -> None:
    batch = torch.arange(6).view(3, 2)
    assert fill(batch, 5).tolist() == [[0, 1], [2, 3], [4, 5], [0, 1], [0, 1]]
    assert fill(batch, 3) is batch
    assert fill(batch, 0) is batch


@pytest.mark.parametrize("count", [0, 1, 2, 5])
def test_prefetched_items_come_in_order(count: int) -> None:
    assert list(prefetch(lambda key: key * 10, range(count))) == [key * 10 for key in range(count)]


def test_the_next_is_read_while_one_is_in_use() -> None:
    second = threading.Event()

    def read(key: int) -> int:
        if key == 1:
            second.set()
        return key

    items = prefetch(read, [0, 1, 2])
    assert next(items) == 0
    assert second.wait(timeout=5)  # nobody has asked for it yet
    assert list(items) == [1, 2]


def test_an_error_reaches_the_reader() -> None:
    def read(key: int) -> float:
        return 1 / key

    with pytest.raises(ZeroDivisionError):
        list(prefetch(read, [1, 0]))
