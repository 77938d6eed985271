"""The loss of a few images worked out by hand: logits, probabilities, minus their logarithm, the mean."""

import math
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from graft.data.dataset import Targets
from graft.tasks import LossOptions, Task

MOST = 6  # classes that a table shows


def work_out(
    task: Task, names: Sequence[str], logits: NDArray[np.float32], targets: Targets, options: LossOptions
) -> Iterator[str]:
    """Yield lines: how the loss of the first image comes about, then that of each, and the mean that training sees.

    Args:
        names: of the images.
        logits: `[B, K]`.
        targets: `[B]` or `[B, K]`.
        options: how the loss that training brings down departs from the plain one.
    """
    costs = -task.log_likelihood(logits.astype(np.float64), targets)  # [B], or [B, K] with several labels
    yield f"{names[0]}, whose target is {_target(task, targets[0])}:"
    yield from _table(task, logits[0].astype(np.float64), targets[0], np.atleast_1d(costs[0]))
    means = costs.reshape(len(costs), -1).mean(1)
    each = ", ".join(f"{name} {mean:.4f}" for name, mean in zip(names, means, strict=True))
    yield f"each image{' (mean over its classes)' if task.multi_label else ''}: {each}"
    yield f"loss of the batch, their mean: {means.mean():.4f} nats"
    blind = math.log(2 if task.multi_label else len(task.classes))
    yield f"a blind guess costs {'ln 2' if task.multi_label else f'ln {len(task.classes)}'} = {blind:.4f}"
    shaped = float(task.losses(torch.from_numpy(logits), torch.from_numpy(targets), options).mean()) / task.loss_terms
    if changes := _changes(options):
        yield f"training brings down {shaped:.4f}: the same with {', '.join(changes)}"


def _target(task: Task, target: Any) -> str:
    """``1 (dog)``, or the zeros and ones of the classes with the names of those that hold."""
    if not task.multi_label:
        return f"{int(target)} ({task.classes[int(target)]})"
    held = ", ".join(name for name, holds in zip(task.classes, target, strict=True) if holds)
    numbers = " ".join(str(int(holds)) for holds in target[:MOST])
    return f"[{numbers}{' ...' if len(target) > MOST else ''}] ({held or 'no class'})"


def _table(task: Task, logits: NDArray[np.float64], target: Any, costs: NDArray[np.float64]) -> Iterator[str]:
    """One image's classes, those that hold and those of the highest logits, and what its loss is made of."""
    holds = target > 0 if task.multi_label else np.arange(len(logits)) == int(target)
    probabilities = task.probabilities(logits[None].astype(np.float32))[0]
    shown = np.sort(np.lexsort((-logits, ~holds))[:MOST])
    width = max(len(f"{index} {task.classes[index]}") for index in shown)
    last = "-ln of the answer" if task.multi_label else "exp"
    yield f"  {'class':{width}}  {'logit':>9}  {task.activation:>9}  {last:>17}"
    for index in shown:
        value = costs[index] if task.multi_label else np.exp(logits[index])
        row = f"{f'{index} {task.classes[index]}':{width}}  {logits[index]:9.3f}  {probabilities[index]:9.4f}"
        yield f"{'*' if holds[index] else ' '} {row}  {value:17.4g}"
    left = len(logits) - len(shown)
    rest = f"  and {left} more; " if left else "  "
    if task.multi_label:
        yield f"{rest}* holds; the answer is yes or no of each class; sum of -ln: {costs.sum():.4f}"
        return
    share, total = float(np.exp(logits[int(target)])), float(np.exp(logits).sum())
    truth = f"{probabilities[int(target)]:.4f}"
    yield f"{rest}* the target; sum of exp: {total:.4g}"
    yield f"  softmax = exp / sum: {share:.4g} / {total:.4g} = {truth}; -ln {truth} = {costs[0]:.4f}"


def _changes(options: LossOptions) -> list[str]:
    """What of `options` is not as usual, by the keys of params.yaml."""
    found = [f"label_smoothing {options.label_smoothing:g}"] if options.label_smoothing else []
    found += [f"focal {options.focal:g}"] if options.focal else []
    return found + (["class_weights balanced"] if options.class_weights is not None else [])
