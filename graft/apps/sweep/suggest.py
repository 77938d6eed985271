"""Which values to try next, from what is known of those tried."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import optuna
from optuna.distributions import BaseDistribution, CategoricalDistribution, FloatDistribution, IntDistribution
from optuna.trial import TrialState, create_trial

from graft.apps.queue import State
from graft.apps.sweep.config import Range, Sweep
from graft.core.seeds import derive

STATES = {"queued": TrialState.RUNNING, "running": TrialState.RUNNING, "failed": TrialState.FAIL}
TRIES = 50
"""Draws for values that were not tried yet."""
MOST_COMBINATIONS = 10_000


@dataclass(frozen=True, slots=True)
class Tried:
    """Values that were tried, and what came of them.

    Attributes:
        value: metric on valid that decides, the higher the better; None until it is measured, or where that failed.
    """

    values: dict[str, Any]
    state: State
    value: float | None = None


def suggest(sweep: Sweep, tried: Sequence[Tried], current: dict[str, Any]) -> dict[str, Any] | None:
    """Return values to try next, by key, which depend on what is known alone; None where all were tried.

    Args:
        current: what params.yaml says, which is tried first.

    Source: the tree-structured Parzen estimator, Bergstra et al. 2011, as Optuna has it.
    """
    known = [one.values for one in tried]
    if not known and sweep.allows(current):
        return current
    study, space = _study(sweep, tried), {key: _distribution(one) for key, one in sweep.params.items()}
    for _ in range(TRIES):
        drawn = {key: _value(sweep.params[key], one) for key, one in study.ask(space).params.items()}
        if drawn not in known:
            return drawn
    left = [one for one in sweep.combinations(MOST_COMBINATIONS) or [] if one not in known]
    if not left:
        return None
    return left[int(np.random.default_rng(derive(sweep.seed, "sweep", "left", len(tried))).integers(len(left)))]


def _study(sweep: Sweep, tried: Sequence[Tried]) -> optuna.Study:
    """What is known, as Optuna has it; trials at work count as bad ones, so that others are drawn beside them."""
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    sampler = optuna.samplers.TPESampler(seed=derive(sweep.seed, "sweep", len(tried)) % 2**32, constant_liar=True)
    study = optuna.create_study(direction="maximize", sampler=sampler)
    space = {key: _distribution(one) for key, one in sweep.params.items()}
    for one in tried:
        state = TrialState.COMPLETE if one.value is not None else STATES.get(one.state, TrialState.FAIL)
        texts = {
            key: json.dumps(value) if isinstance(sweep.params[key], list) else value
            for key, value in one.values.items()
        }
        study.add_trial(create_trial(state=state, params=texts, distributions=space, value=one.value))
    return study


def _distribution(space: Range | list[Any]) -> BaseDistribution:
    if isinstance(space, list):
        return CategoricalDistribution([json.dumps(value) for value in space])  # a list, too, may be a value
    if space.is_whole:
        return IntDistribution(int(space.low), int(space.high), log=space.log)
    return FloatDistribution(space.low, space.high, log=space.log)


def _value(space: Range | list[Any], drawn: Any) -> Any:
    return space.shortened(drawn) if isinstance(space, Range) else json.loads(drawn)
