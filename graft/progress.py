"""Progress bars: shown on a terminal, silent elsewhere, so that logs keep one line a result."""

from typing import Any

from tqdm import tqdm


def bar(label: str, total: int, done: int = 0) -> "tqdm[Any]":
    """Return a bar on standard error to be used in a ``with`` block and moved by ``update(n)``.

    Args:
        label: what is being counted, such as "presize".
        total: how many items there are in all.
        done: how many were finished by an earlier, interrupted run.
    """
    # disable=None is tqdm's own "only on a terminal"
    return tqdm(desc=label, total=total, initial=done, disable=None, leave=False, unit="")
