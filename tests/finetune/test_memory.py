"""What fits is found by trying; other errors are not taken for a lack of memory."""

import pytest
import torch

from graft.finetune.step import is_out_of_memory, largest_fit


@pytest.mark.parametrize(("room", "wanted"), [(5, 4), (8, 8), (0, 0), (1, 1)])
def test_halves_until_it_fits(room: int, wanted: int) -> None:
    def attempt(batch: int) -> None:
        if batch > room:
            raise torch.OutOfMemoryError(f"{batch} pictures")

    assert largest_fit(attempt, 32) == wanted


def test_smaller_batches_than_may_be_are_not_tried() -> None:
    tried: list[int] = []

    def attempt(batch: int) -> None:
        tried.append(batch)
        raise MemoryError("out of memory")

    assert largest_fit(attempt, 16, fewest=2) == 0
    assert tried == [8, 4, 2]


def test_another_error_is_passed_on() -> None:
    def attempt(batch: int) -> None:
        raise RuntimeError(f"shapes of {batch} do not agree")

    with pytest.raises(RuntimeError, match="shapes of 16"):
        largest_fit(attempt, 32)


def test_what_the_cpu_says_is_understood() -> None:
    with pytest.raises(RuntimeError) as caught:
        torch.empty(2**60, dtype=torch.uint8)
    assert is_out_of_memory(caught.value)
    assert not is_out_of_memory(RuntimeError("mat1 and mat2 shapes cannot be multiplied"))
