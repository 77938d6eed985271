import math
from typing import Any

from graft.apps.sweep.config import Range, Sweep
from graft.apps.sweep.suggest import Tried, suggest

SWEEP = Sweep(params={"lr": Range(low=1e-4, high=1e-1, log=True), "augment.strength": ["none", "light"]})
NOW = {"lr": 0.001, "augment.strength": "none", "finetune.epochs": 2}


def run(sweep: Sweep, count: int, score: Any) -> list[Tried]:
    tried: list[Tried] = []
    while len(tried) < count and (values := suggest(sweep, tried, {key: NOW[key] for key in sweep.params})) is not None:
        tried.append(Tried(values, "success", score(values)))
    return tried


def test_what_params_say_is_tried_first_if_it_is_allowed() -> None:
    assert suggest(SWEEP, [], {key: NOW[key] for key in SWEEP.params}) == {"lr": 0.001, "augment.strength": "none"}
    elsewhere = suggest(SWEEP, [], NOW | {"lr": 1.0})
    assert elsewhere is not None
    assert SWEEP.allows(elsewhere)


def test_the_same_knowledge_gives_the_same_values() -> None:
    tried = run(SWEEP, 5, lambda values: values["lr"])
    assert suggest(SWEEP, tried, NOW) == suggest(SWEEP, tried, NOW)
    assert suggest(SWEEP, tried, NOW) != suggest(SWEEP.model_copy(update={"seed": 1}), tried, NOW)


def test_no_values_are_tried_twice() -> None:
    tried = run(SWEEP, 15, lambda values: values["lr"])
    assert len({tuple(one.values.values()) for one in tried}) == 15
    assert all(SWEEP.allows(one.values) for one in tried)


def test_every_combination_is_tried_and_then_no_more() -> None:
    sweep = Sweep(params={"augment.strength": ["none", "light"], "finetune.epochs": Range(low=1, high=3)})
    tried = run(sweep, 100, lambda values: 0.5)
    assert len(tried) == 6


def test_failed_and_running_trials_are_known_too() -> None:
    sweep = Sweep(params={"finetune.freeze": [[], ["conv_stem"], None]})
    tried = [Tried({"finetune.freeze": []}, "failed"), Tried({"finetune.freeze": None}, "running")]
    assert suggest(sweep, tried, {"finetune.freeze": []}) == {"finetune.freeze": ["conv_stem"]}


def test_draws_gather_where_the_metric_is_high() -> None:
    tried = run(SWEEP, 40, lambda values: -abs(math.log10(values["lr"]) + 2))  # best at 0.01
    late = [abs(math.log10(one.values["lr"]) + 2) for one in tried[25:]]
    assert sorted(late)[len(late) // 2] < 0.5  # half a decade; without learning the median is about 0.9
