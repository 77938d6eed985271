"""Run a sweep: keep DVC's queue filled with trials, and choose the best on valid.

The experiments are the only record: what to try next is worked out from them each time, so that a sweep that was
stopped, or killed, goes on when it is called again.
"""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from graft.apps.compare.revisions import PREDICTIONS, Revision, open_revision
from graft.apps.compare.run import parse_predictions, read_labels
from graft.apps.queue import Experiment, Queue, State
from graft.apps.sweep.config import Sweep, value_of
from graft.apps.sweep.suggest import Tried, suggest
from graft.core.errors import GraftError
from graft.evaluate.record import RECORD, Record
from graft.stats.intervals import units
from graft.stats.paired import Difference, share_difference

ON_VALID = Path(PREDICTIONS).parent / "valid"
FINETUNED = "reports/finetune/metrics.json"
TARGET = "evaluate"
"""The stage that a trial runs up to: the report and the bundle are made of the best alone."""
MOST_FAILURES = 3
"""Trials that may fail before one succeeds: what is wrong is then not the values."""
SHOWN = 10
"""Trials that are listed at the end, the best first."""


@dataclass(frozen=True, slots=True)
class Score:
    """A trial's metric on valid with its 95 % interval, None of a single group, and its log loss in nats."""

    metric: str
    value: float
    low: float | None
    high: float | None
    log_loss: float

    @property
    def rank(self) -> tuple[float, float]:
        """The higher the better: the metric decides and, among equals, the log loss."""
        return self.value, -self.log_loss

    def __str__(self) -> str:
        """The metric with its interval, ``accuracy 0.8125 (0.7012 to 0.8901)``."""
        interval = "one group, so no interval" if self.low is None else f"{self.low:.4f} to {self.high:.4f}"
        return f"{self.metric.replace('_', ' ')} {self.value:.4f} ({interval})"


@dataclass(frozen=True, slots=True)
class Trial:
    """An experiment of the sweep, the values that it tries, and its score once it has one."""

    experiment: Experiment
    values: dict[str, Any]
    score: Score | None

    @property
    def state(self) -> State:
        """What DVC says of it."""
        return self.experiment.state

    def __str__(self) -> str:
        """Name and values."""
        return f"{self.experiment.name}: {', '.join(f'{key} {value}' for key, value in self.values.items())}"


def run_sweep(sweep: Sweep, values: dict[str, Any], queue: Queue) -> Iterator[str]:
    """Run trials until there are as many as wanted; yield lines for a person, the best at the end.

    Args:
        values: params.yaml.

    Raises:
        GraftError: nothing can be tried, or the first trials all fail.
    """
    queue.check()
    current = {key: value_of(values, key) for key in sweep.params}
    scores: dict[str, Score] = {}
    told: set[str] = set()
    yield f"sweep {queue.name}: may be stopped, and called again to go on; what runs then, runs on in DVC's queue"
    while True:
        trials = [_follow(one, sweep, scores) for one in queue.experiments()]
        for trial in trials:
            if trial.state in ("success", "failed") and trial.experiment.name not in told:
                told.add(trial.experiment.name)
                yield f"{trial}: {trial.score or failure(trial.experiment)}"
        _stop_if_all_fail(trials)
        pending = [trial for trial in trials if trial.state in ("queued", "running")]
        added = list(_fill(queue, sweep, trials, queue.jobs - len(pending), current))
        yield from (f"{name}: queued" for name in added)
        if not pending and not added:
            break
        if added or not queue.wait():
            queue.start()
    yield from summary(trials, queue.name)


def _follow(experiment: Experiment, sweep: Sweep, scores: dict[str, Score]) -> Trial:
    """Read what an experiment tries and, once it has ended, how good it was."""
    values = {key: value_of(experiment.params, key) for key in sweep.params}
    if not sweep.allows(values):
        raise GraftError(
            f"{experiment.name} tried {values}, which this sweep does not: "
            f"give the sweep another --name, or remove the trial with `dvc exp remove {experiment.name}`"
        )
    if experiment.state == "success" and experiment.rev not in scores:
        with open_revision(experiment.rev, Path()) as revision:
            scores[experiment.rev] = read_score(revision)
    return Trial(experiment, values, scores.get(experiment.rev))


def read_score(revision: Revision) -> Score:
    """Read how good the network that a trial hands on is on valid."""
    measured = json.loads(revision.read(FINETUNED))
    metric = next(iter(measured["valid"][measured["kept"]]))  # the one that decides stands first
    record = Record.model_validate_json(revision.read((ON_VALID / RECORD).as_posix()))
    value, low, high, log_loss = (
        record.scores.figures.get(name) for name in (metric, f"{metric}_low", f"{metric}_high", "log_loss")
    )
    if value is None or log_loss is None:
        raise GraftError(f"{revision.title} has no {metric} on valid: a class has no image there")
    return Score(metric, value, low, high, log_loss)


def _fill(queue: Queue, sweep: Sweep, trials: Sequence[Trial], free: int, current: dict[str, Any]) -> Iterator[str]:
    """Queue as many trials as there are free workers, and yield their names."""
    tried = [Tried(trial.values, trial.state, trial.score.value if trial.score else None) for trial in trials]
    number = max((trial.experiment.number for trial in trials), default=0)
    while free > 0 and len(tried) < sweep.trials and (values := suggest(sweep, tried, current)) is not None:
        number, free = number + 1, free - 1
        tried.append(Tried(values, "queued"))
        yield queue.put(number, values | {"evaluate.interpret": ["test", "valid"]}, TARGET)


def _stop_if_all_fail(trials: Sequence[Trial]) -> None:
    failed = [trial.experiment for trial in trials if trial.state == "failed"]
    if len(failed) >= MOST_FAILURES and not any(trial.state == "success" for trial in trials):
        names = " ".join(one.name for one in failed)
        raise GraftError(
            f"{len(failed)} trials failed and none succeeded; {failed[0].name} {failure(failed[0])}\n"
            f"`dvc queue remove {names}` lets them be tried again"
        )


def failure(experiment: Experiment) -> str:
    """Say why a trial failed: the end of what it printed."""
    log = experiment.log
    lines = log.read_text(encoding="utf-8", errors="replace").splitlines() if log and log.is_file() else []
    said = " | ".join([line.strip() for line in lines if line.strip()][-3:])
    return f"failed: {said or 'it printed nothing'}; `dvc queue logs {experiment.name}` has all of it"


def summary(trials: Sequence[Trial], name: str) -> Iterator[str]:
    """Yield the best trials, the best first, and what to make of the best."""
    ranked = sorted(((one.score.rank, one) for one in trials if one.score), key=lambda pair: pair[0], reverse=True)
    if not ranked:
        raise GraftError(f"no trial of {name} succeeded")
    yield "the best on valid:"
    for _, trial in ranked[:SHOWN]:
        yield f"  {trial}: {trial.score}"
    best, first = ranked[0][1], min((one for _, one in ranked), key=lambda one: one.experiment.number)
    if best is not first:
        yield f"{best.experiment.name} less {first.experiment.name}: {difference(first.experiment, best.experiment)}"
    yield (
        f"the best of {len(ranked)} looks better on valid than it is, and test was not asked; to take it: "
        f"`dvc exp apply {best.experiment.name}`, `dvc repro`, `graft compare HEAD`"
    )


def difference(a: Experiment, b: Experiment) -> str:
    """Say by how much B answers more images of valid correctly than A, image by image."""
    file = (ON_VALID / Path(PREDICTIONS).name).as_posix()
    with open_revision(a.rev, Path()) as one, open_revision(b.rev, Path()) as other:
        before, after = (parse_predictions(each.read(file), f"{file} of {each.title}") for each in (one, other))
        paths = list(before.rows.index)
        labels, why = read_labels(other, paths)
    groups = None if labels is None or "group" not in labels else units(labels["group"])
    one_correct, other_correct = (each.select(paths).correct.to_numpy(dtype=bool) for each in (before, after))
    found: Difference = share_difference(one_correct, other_correct, groups)
    change = f"{100 * found.value:+.1f} points of images answered correctly"
    if not found.is_known:
        return f"{change}, all of one group, which says nothing of others"
    verdict = "" if found.low > 0 else "; chance alone may make it"
    note = f"; images taken as independent, for {why}" if why else ""
    return f"{change} (95 %: {100 * found.low:+.1f} to {100 * found.high:+.1f}){verdict}{note}"
