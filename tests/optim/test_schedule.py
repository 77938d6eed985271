"""Learning rates, worked out by hand."""

import math

import pytest
import torch

from graft.optim.config import ScheduleKind
from graft.optim.schedule import make_schedule


def rates(steps: int, peak: float, done: int = 0, kind: ScheduleKind = "one_cycle") -> list[tuple[float, float]]:
    """Learning rate and momentum of each step."""
    optimizer = torch.optim.AdamW([torch.zeros(1, requires_grad=True)], lr=peak)
    schedule = make_schedule(optimizer, kind, steps, every=3, completed=done)
    found = []
    for _ in range(done, steps):
        found.append((optimizer.param_groups[0]["lr"], optimizer.param_groups[0]["betas"][0]))
        optimizer.step()
        schedule.step()
    return found


def test_one_cycle_by_hand() -> None:
    """Eight steps at peak 1: up over a quarter of them, down by a half cosine, momentum reversed."""
    found = rates(8, 1.0)
    start, last = 1 / 25, 1 / 25 / (1e5 / 25)
    # the peak is at step 8 / 4 - 1 = 1, the end at step 7
    wanted = [start, 1.0] + [last + (1 - last) * (1 + math.cos(math.pi * step / 6)) / 2 for step in range(1, 7)]
    assert [rate for rate, _ in found] == pytest.approx(wanted)
    momenta = [0.95, 0.85] + [0.95 + (0.85 - 0.95) * (1 + math.cos(math.pi * step / 6)) / 2 for step in range(1, 7)]
    assert [momentum for _, momentum in found] == pytest.approx(momenta)


@pytest.mark.parametrize(
    ("kind", "wanted"),
    [
        # two of eight steps up from a 25th, then half a cosine over six
        ("cosine", [0.04, 0.52] + [(1 + math.cos(math.pi * step / 6)) / 2 for step in range(6)]),
        ("step", [1, 1, 1, 0.1, 0.1, 0.1, 0.01, 0.01]),
        ("exponential", [0.1 ** (step / 3) for step in range(8)]),
    ],
)
def test_other_schedules_by_hand(kind: ScheduleKind, wanted: list[float]) -> None:
    found = rates(8, 1.0, kind=kind)
    assert [rate for rate, _ in found] == pytest.approx(wanted)
    assert {momentum for _, momentum in found} == {0.9}


@pytest.mark.parametrize("kind", ["one_cycle", "cosine", "step", "exponential"])
@pytest.mark.parametrize("steps", [1, 2, 3, 4, 5])
def test_the_shortest_trainings_have_rates(kind: ScheduleKind, steps: int) -> None:
    assert all(0 < rate <= 1 for rate, _ in rates(steps, 1.0, kind=kind))


@pytest.mark.parametrize("kind", ["one_cycle", "cosine", "step", "exponential"])
@pytest.mark.parametrize("done", [1, 5, 7])
def test_schedule_goes_on_where_it_stopped(kind: ScheduleKind, done: int) -> None:
    assert rates(8, 0.3, done, kind) == rates(8, 0.3, kind=kind)[done:]


def test_momentum_of_sgd_cycles_too() -> None:
    optimizer = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=1.0, momentum=0.9)
    make_schedule(optimizer, "one_cycle", 8, completed=1)
    assert optimizer.param_groups[0]["momentum"] == pytest.approx(0.85)
