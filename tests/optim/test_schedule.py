"""Learning rates, worked out by hand."""

import math

import pytest
import torch

from graft.core.errors import ParamsError
from graft.finetune.config import Finetune
from graft.finetune.parameter_groups import freeze, parameter_groups
from graft.network.network import Network
from graft.optim.schedule import Kind, make_schedule


def rates(steps: int, peak: float, done: int = 0, kind: Kind = "one_cycle") -> list[tuple[float, float]]:
    """Learning rate and momentum of each step."""
    optimizer = torch.optim.AdamW([torch.zeros(1, requires_grad=True)], lr=peak)
    schedule = make_schedule(optimizer, kind, steps, every=3, done=done)
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
def test_other_schedules_by_hand(kind: Kind, wanted: list[float]) -> None:
    found = rates(8, 1.0, kind=kind)
    assert [rate for rate, _ in found] == pytest.approx(wanted)
    assert {momentum for _, momentum in found} == {0.9}


@pytest.mark.parametrize("kind", ["one_cycle", "cosine", "step", "exponential"])
@pytest.mark.parametrize("steps", [1, 2, 3, 4, 5])
def test_the_shortest_trainings_have_rates(kind: Kind, steps: int) -> None:
    assert all(0 < rate <= 1 for rate, _ in rates(steps, 1.0, kind=kind))


@pytest.mark.parametrize("kind", ["one_cycle", "cosine", "step", "exponential"])
@pytest.mark.parametrize("done", [1, 5, 7])
def test_schedule_goes_on_where_it_stopped(kind: Kind, done: int) -> None:
    assert rates(8, 0.3, done, kind) == rates(8, 0.3, kind=kind)[done:]


def test_momentum_of_sgd_cycles_too() -> None:
    optimizer = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=1.0, momentum=0.9)
    make_schedule(optimizer, "one_cycle", 8, done=1)
    assert optimizer.param_groups[0]["momentum"] == pytest.approx(0.85)


def test_rates_fall_geometrically_from_head_to_stem(network: Network) -> None:
    assert network.head is not None
    groups = parameter_groups(network, peak=1.0, ratio=100.0, weight_decay=0.1)
    depth = {group["name"]: group["lr"] for group in groups}
    body = [rate for name, rate in depth.items() if name.startswith("body.")]
    assert body[0] == pytest.approx(1 / 100)
    steps = [later / sooner for sooner, later in zip(body, [*body[1:], 1.0], strict=True)]
    assert steps == pytest.approx([100 ** (1 / len(body))] * len(body))
    assert depth["head"] == pytest.approx(1 / network.head.linear.in_features**0.5)
    assert depth["head.bias"] == 1.0


def test_every_trained_parameter_is_in_exactly_one_group(network: Network) -> None:
    freeze(network, ["conv_stem"])
    grouped = [parameter for group in parameter_groups(network, 1.0, 10.0, 0.1) for parameter in group["params"]]
    trained = [parameter for parameter in network.parameters() if parameter.requires_grad]
    assert sorted(map(id, grouped)) == sorted(map(id, trained))


def test_without_decay_all_is_trained(network: Network) -> None:
    grouped = [parameter for group in parameter_groups(network, 1.0, 10.0, 0.0) for parameter in group["params"]]
    assert sorted(map(id, grouped)) == sorted(map(id, network.parameters()))


def test_vectors_do_not_decay(network: Network) -> None:
    for group in parameter_groups(network, 1.0, 10.0, 0.1):
        dimensions = {parameter.ndim > 1 for parameter in group["params"]}
        assert dimensions == {group["weight_decay"] > 0}


@pytest.mark.parametrize(
    ("pattern", "message"),
    [
        ("block.9", r"finetune.freeze: 'block.9' matches no parameter; the backbone has blocks, "),
        ("(", r"finetune.freeze: '\(' is no regular expression"),
    ],
)
def test_pattern_that_freezes_nothing_is_an_error(network: Network, pattern: str, message: str) -> None:
    with pytest.raises(ParamsError, match=message):
        freeze(network, ["conv_stem", pattern])


def test_sizes_grow_by_share_of_the_epochs() -> None:
    config = Finetune(epochs=10, sizes=[[128, 0.7], [224, 0.3]])
    assert [config.size_at(epoch, 192) for epoch in range(1, 11)] == [128] * 7 + [224] * 3


def test_without_sizes_views_are_those_of_the_evaluation() -> None:
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
