"""Weights between two networks, and the table's rows."""

import torch
from torch import nn

from benchmarks.recipes import MEAN, SHARES, between, spread, table
from tests.benchmarks.test_accuracy import MACHINE


def test_weights_lie_between() -> None:
    before, after = nn.Linear(2, 1), nn.Linear(2, 1)
    nn.init.constant_(before.weight, 1.0)
    nn.init.constant_(after.weight, 3.0)
    assert torch.equal(between(before, after, 0.25).weight, torch.full((1, 2), 1.5))  # type: ignore[arg-type]


def test_spread_of_several_and_of_one() -> None:
    assert spread([0.8, 0.9]) == "85.0 ± 7.1"
    assert spread([-0.01], "+") == "-1.0"


def test_other_recipes_have_a_row_and_the_given_one_all_networks() -> None:
    names = ["head", "fine-tuned", MEAN, *(f"weights {share:g}" for share in SHARES)]
    split = {name: {"accuracy": 0.5 + 0.1 * number, "log_loss": 1.0} for number, name in enumerate(names)}
    run = {"valid": split, "test": split}
    text = table({"datasets": {"food-10": {"as given": [run], "lr twice": [run, run]}}, "machine": MACHINE})
    rows = [line for line in text.splitlines() if line.startswith("| `")]
    assert len(rows) == len(names) + 1
    assert rows[0] == "| `food-10` | as given | 1 | head | 50.0 | 50.0 |  | 1.000 |"
    assert rows[-1] == "| `food-10` | lr twice | 2 | fine-tuned | 60.0 ± 0.0 | 60.0 ± 0.0 | +10.0 ± 0.0 | 1.000 |"
