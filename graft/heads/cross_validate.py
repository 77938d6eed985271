"""Heads fitted without some of the images, asked about these: what is known of images that no head has seen.

Source: Stone 1974, https://doi.org/10.1111/j.2517-6161.1974.tb00994.x; folds of whole units, as images
of one group resemble each other: Roberts et al. 2017, https://doi.org/10.1111/ecog.02881.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, Self

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray

from graft.core.parallel import cores, in_order
from graft.core.seeds import derive
from graft.data.arrays import Embeddings
from graft.data.dataset import SPLITS, Dataset, label_column
from graft.heads.config import TrainHead
from graft.heads.examples import Examples
from graft.heads.fit import fit_examples
from graft.heads.lbfgs import Moments, solve
from graft.network.head import Head, head_logits
from graft.stats.draws import draw_folds, draw_groups, draw_units, tied_units
from graft.tasks import Task, make_task

FOLDS = 5
STEP = 10**0.5
"""Ratio of penalties that are tried beyond the ends of the list."""
WEAKEST, STRONGEST = 1e-3, 1e2
"""Beyond these no further penalty is tried."""
LEAST_PENALTY = 1e-4
"""Without any, classes that a plane divides have no optimum."""
TOLERANCE = 1e-4
"""Largest entry of a gradient at which a head of a fold is done: a tenth of the time that the optimum takes."""

SEEN = ("train", "valid")
"""What a head that is handed on may learn from."""
OUT_OF_FOLD = "out_of_fold.npy"
"""Logits `[N, K]`, float32, of the images of `SEEN` in order of path, in the folder of the head."""

Fit = Callable[[Examples, Task], Sequence[tuple[float, Head]]]
"""Heads by penalty, of the images to learn from."""
Answers = dict[float, NDArray[np.float64]]
"""Logits `[N, K]` by penalty."""


def make_folds(rows: pd.DataFrame, duplicates: pd.Series) -> NDArray[np.int64]:
    """Fold of every image, `[N]`: stratified; duplicates and groups lie in one fold.

    Args:
        rows: of labels.csv, with the columns label (or labels) and group.
        duplicates: duplicate group of every row.
    """
    rows = rows.reset_index(drop=True)
    units = tied_units([duplicates.reset_index(drop=True), rows["group"]], len(rows))
    draw = draw_groups if (rows["group"] != "").any() else draw_units
    return draw_folds(draw, units, label_column(rows), FOLDS, partial(derive, 0, "out-of-fold"))


def divides_groups(rows: pd.DataFrame) -> bool:
    """Whether most held-out images have others of their group in train, as where `split.by` is random.

    Args:
        rows: of labels.csv, with the columns group and split.
    """
    grouped = rows[rows["split"].isin(SPLITS) & (rows["group"] != "")]
    learnt = grouped["split"] == "train"
    return bool(grouped["group"][~learnt].isin(grouped["group"][learnt]).mean() > 0.5)


def out_of_fold(
    examples: Examples, fold: NDArray[np.int64], task: Task, fit: Fit, threads: int | None = None
) -> Answers:
    """Logits `[N, K]` of every image by the heads of the other folds, under each penalty that `fit` tries.

    The column of a class is NaN where the other folds say nothing about it: none of their images has
    it or, with several labels an image, all have.

    Args:
        threads: how many folds are fitted at once; None: one a core.
    """

    def answer(number: int) -> tuple[NDArray[np.bool_], NDArray[np.bool_], dict[float, NDArray[np.float32]]]:
        held_out = fold == number
        learnable = task.learnable(examples.targets[~held_out])
        if not held_out.any() or not learnable.any():
            return held_out, learnable, {}
        part, wanted = task.restrict(examples.targets[~held_out], learnable)
        heads, rows = fit(examples.at(~held_out, wanted), part), examples.rows[held_out]
        return held_out, learnable, {l2: head_logits(head, examples.embeddings, rows) for l2, head in heads}

    found: Answers = {}
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        for held_out, learnable, answers in in_order(answer, range(FOLDS), threads or min(cores(), FOLDS)):
            for l2, logits in answers.items():
                whole = found.setdefault(l2, np.full((len(fold), len(task.classes)), np.nan))
                whole[np.ix_(held_out, learnable)] = logits
    finally:
        torch.set_num_threads(before)
    return found


def linear(penalties: Sequence[float], moments: Moments) -> Fit:
    """A `fit` of `out_of_fold` for linear heads, at their optimum under each of some penalties.

    Args:
        moments: mean and deviation of each feature to standardise by; they take no labels, so leak none.
    """

    def fit(train: Examples, task: Task) -> list[tuple[float, Head]]:
        return [(found.l2, found.head) for found in solve(train, task, list(penalties), moments, TOLERANCE)]

    return fit


@dataclass(frozen=True, slots=True)
class CrossValidated:
    """What cross-validation found.

    Attributes:
        l2: the penalty whose log loss is lowest; 0 of a head with a hidden layer, which has none.
        losses: log loss in nats a term of each penalty tried, the weakest first.
        logits: `[N, K]`, out of fold under that penalty; NaN as `out_of_fold` has it.
        figures: the task's metrics of these answers; the first decides.
    """

    l2: float
    losses: dict[float, float]
    logits: NDArray[np.float64]
    figures: dict[str, float]

    @classmethod
    def best(cls, answers: Answers, examples: Examples, task: Task) -> Self | None:
        """Choose among answers; None where nothing was answered."""
        losses = {l2: log_loss(answers[l2], examples.targets, task) for l2 in sorted(answers)}
        known = {l2: loss for l2, loss in losses.items() if np.isfinite(loss)}
        if not known:
            return None
        l2 = min(known, key=known.__getitem__)
        given = ~np.isnan(answers[l2]).all(1)
        metrics = task.metrics(never_learnt(answers[l2][given]).astype(np.float32), examples.targets[given])
        return cls(l2, losses, answers[l2], metrics)

    def metrics(self) -> dict[str, dict[str, float]]:
        """What metrics.json says of it."""
        chosen = {"l2": self.l2} if self.l2 else {}
        return {"cross_validated": chosen | {"log_loss": self.losses[self.l2]} | self.figures}

    def __str__(self) -> str:
        """In a line, with the penalties tried."""
        figures = [f"{name.replace('_', ' ')} {value:.4g}" for name, value in self.figures.items()]
        chosen = f"; l2 {self.l2:g} of {', '.join(f'{l2:g}' for l2 in self.losses)}" if self.l2 else ""
        return f"cross-validated in train and valid: log loss {self.losses[self.l2]:.4g}, {', '.join(figures)}{chosen}"

    def beyond(self) -> list[float]:
        """The penalty to try next: beyond the end of those tried at which the best one lies."""
        tried, further = list(self.losses), []
        if self.l2 == tried[0] and self.l2 > WEAKEST:
            further.append(self.l2 / STEP)
        if self.l2 == tried[-1] and self.l2 < STRONGEST:
            further.append(self.l2 * STEP)
        return [float(f"{l2:.3g}") for l2 in further]


def cross_validate(
    embeddings: Embeddings, dataset: Dataset, duplicates: pd.Series, config: TrainHead, learning_rate: float, seed: int
) -> CrossValidated | None:
    """Cross-validate heads within train and valid; None where no image can be left out, all being of one group.

    A linear head is taken to its optimum, whatever the solver: all solvers seek the same one. Folds keep groups
    whole as the split does: what is best for new groups is too cautious for images of known ones.

    Args:
        duplicates: duplicate group of every row of `dataset`.
        learning_rate, seed: as `fit_head` takes them, for heads with a hidden layer.
    """
    seen = dataset.rows["split"].isin(SEEN).to_numpy()
    rows = dataset.rows.assign(group="") if divides_groups(dataset.rows) else dataset.rows
    fold = make_folds(rows[seen], duplicates[seen])
    task, examples = make_task(dataset.classes, dataset.multi_label), Examples.train(embeddings, dataset, *SEEN)
    if config.head == "linear":
        return choose_penalty(examples, fold, task, config.l2)

    def fit(train: Examples, part: Task) -> list[tuple[float, Head]]:
        return [(0.0, fit_examples(train, train.plain(), part, config, learning_rate, seed).head)]

    # one after the other: dropout draws from torch's one generator
    answers = out_of_fold(examples, fold, task, fit, threads=1)
    return CrossValidated.best(answers, examples, task)


def choose_penalty(
    examples: Examples, fold: NDArray[np.int64], task: Task, penalties: Sequence[float]
) -> CrossValidated | None:
    """Find the penalty of a linear head by its log loss out of fold; None where no image can be left out.

    Where the best is the first or last of the list, penalties beyond it are tried too.
    """
    moments = examples.moments()
    wanted = sorted({max(l2, LEAST_PENALTY) for l2 in penalties})
    answers: Answers = {}
    found: CrossValidated | None = None
    while wanted:
        answers |= out_of_fold(examples, fold, task, linear(wanted, moments))
        found = CrossValidated.best(answers, examples, task)
        wanted = found.beyond() if found else []
    return found


def log_loss(logits: NDArray[np.float64], targets: NDArray[Any], task: Task) -> float:
    """Mean log loss in nats a term, of the images and classes about which something could be learnt."""
    asked = ~np.isnan(logits).all(1)
    likelihood = task.log_likelihood(never_learnt(logits[asked]), targets[asked])
    known = likelihood[np.isfinite(likelihood)]
    return -float(known.mean()) if len(known) else np.inf


def answerable(logits: NDArray[Any], targets: NDArray[Any], task: Task) -> NDArray[np.bool_]:
    """Of which images everything that holds could be learnt from other folds, `[N]`."""
    found: NDArray[np.bool_] = ~np.isnan(logits).all(1)
    likelihood = task.log_likelihood(never_learnt(logits[found]).astype(np.float64), targets[found])
    found[found] = np.isfinite(likelihood.reshape(len(likelihood), task.loss_terms)).all(1)
    return found


def never_learnt(logits: NDArray[Any]) -> NDArray[Any]:
    """Logits in which a class that could not be learnt, NaN, is impossible."""
    return np.where(np.isnan(logits), -np.inf, logits)


def out_of_fold_logits(
    dataset: Dataset, duplicates: pd.Series, embeddings: Embeddings, task: Task, l2: float
) -> NDArray[np.float64]:
    """Logits `[N, K]` of all images of train, valid and test, in order of path, by linear heads of the other folds.

    Args:
        duplicates: duplicate group of every row of `dataset`.

    Returns:
        NaN as `out_of_fold` has it.
    """
    used = dataset.rows["split"].isin(SPLITS).to_numpy()
    fold = make_folds(dataset.rows[used], duplicates[used])
    examples = Examples.train(embeddings, dataset, *SPLITS)
    answers = out_of_fold(examples, fold, task, linear([l2], examples.moments()))
    return next(iter(answers.values()), np.full((len(fold), len(task.classes)), np.nan))
