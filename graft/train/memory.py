"""Say what would fit when a batch did not."""

from collections.abc import Callable

import torch

SAID = ("can't allocate memory", "not enough memory", "out of memory")
"""How torch's allocators end: the CPU's and MPS's raise a plain RuntimeError."""


def is_out_of_memory(error: Exception) -> bool:
    """Tell a lack of memory from other errors of torch."""
    return isinstance(error, torch.OutOfMemoryError) or any(text in str(error).lower() for text in SAID)


def largest_fit(attempt: Callable[[int], None], batch: int, fewest: int = 1) -> int:
    """Return the largest batch, halving from `batch`, that `attempt` goes through with; 0 for none.

    Args:
        attempt: takes a batch size and uses as much memory as a training step.
        fewest: batches of less are not tried.
    """
    while (batch := batch // 2) >= fewest:
        if torch.cuda.is_available():
            torch.cuda.empty_cache()
        try:
            attempt(batch)
        except (RuntimeError, MemoryError) as error:
            if not is_out_of_memory(error):
                raise
        else:
            return batch
    return 0
