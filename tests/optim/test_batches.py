"""Orders are functions of the epoch; batches hold every picture once."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from graft.optim.batches import epoch_order, in_batches, largest_batch, parts_of, steps_of


def test_every_image_once_and_every_epoch_anew() -> None:
    first, again, second = (epoch_order(50, 7, epoch) for epoch in (1, 1, 2))
    assert sorted(first) == list(range(50))
    assert first.tolist() == again.tolist() != second.tolist()


def test_balanced_draws_follow_the_weights() -> None:
    weights = np.array([0.0, 0.25, 0.75])
    drawn = np.concatenate([epoch_order(3, 0, epoch, weights) for epoch in range(1, 2001)])
    assert (np.bincount(drawn) / len(drawn)).tolist() == pytest.approx(weights.tolist(), abs=0.02)


@given(st.integers(2, 200), st.integers(2, 40), st.integers(1, 5), st.sampled_from([1, 2]))
def test_batches_by_step(count: int, size: int, accumulate: int, least: int) -> None:
    batches = in_batches(np.arange(count), size, accumulate, least)
    assert np.concatenate([batch.indices for batch in batches]).tolist() == list(range(count))
    assert min(len(batch.indices) for batch in batches) >= least
    assert max(len(batch.indices) for batch in batches) <= max(size, 2 * least - 1)
    assert sum(batch.ends_step for batch in batches) == steps_of(count, size, accumulate, least)
    assert max(len(batch.indices) for batch in batches) == largest_batch(count, size, accumulate, least)
    assert batches[-1].ends_step
    inside = 0
    for batch in batches:
        inside += len(batch.indices)
        assert batch.step_images <= max(size * accumulate, 2 * least - 1)
        if batch.ends_step:
            assert inside == batch.step_images
            inside = 0


@pytest.mark.parametrize(
    ("count", "size", "least", "wanted"), [(5, 2, 1, 3), (5, 2, 2, 2), (4, 1, 2, 2), (1, 8, 2, 1), (64, 16, 2, 4)]
)
def test_no_part_is_left_with_too_few(count: int, size: int, least: int, wanted: int) -> None:
    assert parts_of(count, size, least) == wanted
