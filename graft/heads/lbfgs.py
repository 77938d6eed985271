"""Fit a linear head to its optimum: penalised logistic regression by L-BFGS, over all examples at once.

Source: Liu and Nocedal 1989, https://doi.org/10.1007/BF01589116, as scipy's L-BFGS-B computes it.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.optimize import fmin_l_bfgs_b

from graft.core.errors import TrainingError
from graft.heads.examples import Examples
from graft.network.head import Head, linear_head
from graft.tasks import Task

TOLERANCE = 1e-5
"""Largest entry of the gradient at which the optimum is reached; beyond it lies float32's rounding."""

MAX_GRADIENT = 1e-3
"""What is accepted where rounding stopped the search short of that."""

MAX_STEPS = 5000
MAX_CACHE = 2**28
"""Bytes of standardised features kept in memory; what is above is read and standardised at every step."""

Moments = tuple[torch.Tensor, torch.Tensor]


@dataclass(frozen=True, slots=True)
class Optimum:
    """The head under one penalty; `train_loss` is its log loss on train, in nats a term."""

    l2: float
    head: Head
    train_loss: float


class Objective:
    """The penalised loss of a linear head and its gradient, for weights and biases in one vector.

    Weights are of standardised features. Sums over examples are formed in chunks of float32, all
    else in float64.

    Args:
        train: what to fit.
        task: gives the loss.
        moments: mean and deviation of each feature to standardise by.
    """

    def __init__(self, train: Examples, task: Task, moments: Moments) -> None:
        self.train, self.task = train, task
        self.mean, self.scale = moments
        self.shape = train.embeddings.width + 1, len(task.classes)
        self.l2 = 0.0
        self._cached: list[tuple[torch.Tensor, torch.Tensor]] | None = None
        if len(train) * train.embeddings.width * 4 <= MAX_CACHE:
            self._cached = list(self._chunks())

    def __call__(self, vector: NDArray[np.float64]) -> tuple[float, NDArray[np.float64]]:
        """Penalised loss and its gradient."""
        loss, gradient = self.unpenalised(vector)
        weight = vector.reshape(self.shape)[:-1]
        gradient[:-1] += self.l2 * weight
        return loss + self.l2 / 2 * float(np.square(weight).sum()), gradient.ravel()

    def head(self, vector: NDArray[np.float64]) -> Head:
        """The head of these weights and biases."""
        both = torch.from_numpy(vector.reshape(self.shape)).float()
        return linear_head(both[:-1], both[-1], (self.mean, self.scale))

    def unpenalised(self, vector: NDArray[np.float64]) -> tuple[float, NDArray[np.float64]]:
        """Mean loss of an image without the penalty, and its gradient `[D + 1, K]`."""
        both = torch.from_numpy(vector).view(self.shape)
        weight, bias = both[:-1].float(), both[-1]
        loss, gradient = 0.0, torch.zeros(self.shape, dtype=torch.float64)
        for features, targets in self._cached or self._chunks():
            logits = ((features @ weight).double() + bias).requires_grad_()
            part = self.task.losses(logits, targets).sum() / len(self.train)
            (error,) = torch.autograd.grad(part, logits)
            loss += part.item()
            # transposed, so that features are read in the order they lie in
            gradient[:-1] += (error.T.float().contiguous() @ features).T
            gradient[-1] += error.sum(0)
        return loss, gradient.numpy()

    def _chunks(self) -> Iterator[tuple[torch.Tensor, torch.Tensor]]:
        for features, targets in self.train.chunks():
            features.sub_(self.mean).div_(self.scale)
            yield features, targets.double() if targets.is_floating_point() else targets


def solve(
    train: Examples, task: Task, penalties: list[float], moments: Moments | None = None, tolerance: float = TOLERANCE
) -> Iterator[Optimum]:
    """Yield the optimum under each penalty, from the strongest to the weakest, each begun at the last.

    Args:
        moments: mean and deviation of each feature to standardise by; those of `train` without.
        tolerance: largest entry of the gradient at which to stop.

    Raises:
        TrainingError: the loss is not finite, or the search ended far from an optimum.
    """
    objective = Objective(train, task, moments or train.moments())
    start = np.zeros(objective.shape)
    start[-1] = task.prior_logits(train.targets)
    vector = start.ravel()
    for l2 in sorted(penalties, reverse=True):
        objective.l2 = l2
        if not np.isfinite(objective(vector)[0]):
            raise TrainingError(f"the head's loss is not finite at l2 {l2:g}; look for features that are not")
        # factr=0: only the gradient says when to stop
        vector, _, facts = fmin_l_bfgs_b(
            objective, vector, factr=0.0, pgtol=tolerance, maxiter=MAX_STEPS, maxfun=2 * MAX_STEPS
        )
        steepest = float(np.abs(facts["grad"]).max())
        if not steepest <= MAX_GRADIENT:
            raise TrainingError(
                f"train_head.solver lbfgs reached no optimum at l2 {l2:g}: after {facts['nit']} steps the gradient is "
                f"{steepest:.1g}, above {MAX_GRADIENT:g}; try larger penalties in train_head.l2, or the solver onecycle"
            )
        yield Optimum(l2, objective.head(vector), objective.unpenalised(vector)[0] / task.loss_terms)
