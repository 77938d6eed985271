"""What the tests of the evaluation share."""

from collections.abc import Iterator

import pytest

from graft.stats import intervals


@pytest.fixture(autouse=True, scope="module")
def few_draws() -> Iterator[None]:
    """Draw again a hundred times, not two thousand: how many draws there are is tested with the intervals."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(intervals, "DRAWS", 100)
        yield
