"""Progress bars: shown on a terminal, silent elsewhere, so that logs keep one line a result."""

import os
from collections.abc import Iterable, Iterator, Sized
from typing import Any, TypeVar

from tqdm import tqdm

Batch = TypeVar("Batch", bound=Sized)


def bar(label: str, total: int | None, done: int = 0, unit: str = "") -> "tqdm[Any]":
    """Return a bar on standard error to be used in a ``with`` block and moved by ``update(n)``.

    Args:
        done: how many were finished by an earlier, interrupted run.
        unit: what an item is, where it is no image or file: ``B`` is shown as kB, MB, GB.
    """
    # None is tqdm's own "only on a terminal"; of the processes that torch's launcher starts, the first shows them
    disable = None if os.environ.get("RANK", "0") == "0" else True
    return tqdm(desc=label, total=total, initial=done, disable=disable, leave=False, unit=unit, unit_scale=bool(unit))


def tracked(batches: Iterable[Batch], label: str, total: int) -> Iterator[Batch]:
    """Yield batches, moving a bar by the length of each."""
    with bar(label, total) as progress:
        for batch in batches:
            yield batch
            progress.update(len(batch))
