"""Sizes follow the epochs, and keys that contradict each other are refused."""

import math
from typing import Any

import pytest

from graft.finetune.config import Finetune, Unfreeze


def test_sizes_grow_by_share_of_the_epochs() -> None:
    config = Finetune(epochs=10, sizes=[[128, 0.7], [224, 0.3]])
    assert [config.size_at(epoch, 192) for epoch in range(1, 11)] == [128] * 7 + [224] * 3


def test_without_sizes_it_is_that_of_the_evaluation() -> None:
    assert [Finetune(epochs=2).size_at(epoch, 192) for epoch in (1, 2)] == [192, 192]
    assert Finetune(epochs=0).size_at(1, 192) == 192


@pytest.mark.parametrize(
    ("sizes", "message"),
    [
        ([[128, 0.5]], "must add up to 1"),
        ([[128]], "expected pairs"),
        ([[8, 1.0]], "expected pairs"),
        ([[math.inf, 1.0]], r"expected pairs .* got \[inf, 1.0\]"),
        ([[math.nan, 1.0]], "expected pairs"),
        ([[128, 0.7], [160, 0.1], [224, 0.2]], r"sizes: 0.1 of 4 epochs leaves none to 160; give it a larger share"),
    ],
)
def test_sizes_that_make_no_sense_are_refused(sizes: list[list[float]], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Finetune(epochs=4, sizes=sizes)


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"class_weights": "balanced", "sampling": "balanced"}, "rare classes would count twice"),
        ({"batch_norm": "train", "batch_size": 1}, "1 image has no spread that batch_norm 'train' could follow"),
        ({"epochs": 3, "unfreeze": [Unfreeze(epoch=4, pattern="x")]}, "'x' would join in epoch 4 of 3"),
        ({"freeze": ["("]}, "is no regular expression: missing"),
    ],
)
def test_keys_that_contradict_each_other(values: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Finetune(**values)
