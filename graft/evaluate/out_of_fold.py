"""What heads say of pictures they were not fitted to: five folds, a linear head on all but one of them.

A label that is wrong teaches the head that learns it; only a head that never saw a picture can
doubt its label.
"""

from functools import partial

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from graft.model.embeddings import Embeddings
from graft.model.head import head_logits
from graft.model.task import Task, make_task
from graft.progress import bar
from graft.seeds import derive
from graft.split.draw import draw_folds, draw_groups, draw_units, tied
from graft.split.settings import NAMES
from graft.split.table import Dataset, Targets
from graft.tables import said
from graft.train.examples import Examples
from graft.train.head import fit_head
from graft.train.lbfgs import solve
from graft.train.train_head import TrainHead

FOLDS = 5

LEAST = 0.01
"""Weakest penalty: without one, classes that a plane divides have no optimum, and nothing is doubted."""


def out_of_fold(
    dataset: Dataset, copies: pd.Series, embeddings: Embeddings, task: Task, l2: float | None
) -> NDArray[np.float64]:
    """Probabilities `[N, K]` of every picture in train, valid and test, by order of path, from the other folds' head.

    The column of a class is NaN where the other folds say nothing about it: none of their pictures has
    it or, with several labels a picture, all have.

    Args:
        copies: duplicate group of every row of `dataset`.
        l2: penalty of the heads; None chooses one on valid.

    Raises:
        TrainingError: a head reaches no optimum.
    """
    if l2 is None:
        l2 = fit_head(embeddings, dataset, TrainHead(solver="lbfgs"), 1.0, 0).chosen["l2"]
    fold, targets = make_folds(dataset, copies), dataset.targets(*NAMES)
    places = embeddings.find(dataset.paths(*NAMES))
    moments = Examples(embeddings, places, targets, embeddings.views).moments()  # takes no labels, so leaks none
    probabilities = np.full((len(fold), len(task.classes)), np.nan)
    with bar("out of fold", FOLDS) as progress:
        for number in range(FOLDS):
            held = fold == number
            learnt = _learnt(targets[~held], len(task.classes))
            if held.any() and learnt.any():
                part = make_task([task.classes[place] for place in np.flatnonzero(learnt)], task.multi_label)
                wanted = _among(targets[~held], learnt)
                train = Examples(embeddings, places[~held], wanted, embeddings.views)
                head = next(solve(train, part, [max(l2, LEAST)], moments)).head
                logits = head_logits(head, embeddings, places[held])
                probabilities[np.ix_(held, learnt)] = part.probabilities(logits)
            progress.update()
    return probabilities


def make_folds(dataset: Dataset, copies: pd.Series) -> NDArray[np.int64]:
    """Fold of every picture in train, valid and test, `[N]`: stratified, copies and groups on one side."""
    used = dataset.rows["split"].isin(NAMES).to_numpy()
    rows = dataset.rows[used].reset_index(drop=True)
    units = tied([copies[used].reset_index(drop=True), rows["group"]], len(rows))
    draw = draw_groups if (rows["group"] != "").any() else draw_units
    return draw_folds(draw, units, said(rows), FOLDS, partial(derive, 0, "out-of-fold"))


def _learnt(targets: Targets, classes: int) -> NDArray[np.bool_]:
    """Mask `[K]` of the classes that these targets teach something about."""
    if targets.ndim == 1:
        return np.isin(np.arange(classes), targets)
    return np.asarray((targets > 0).any(0) & (targets == 0).any(0), dtype=np.bool_)


def _among(targets: Targets, learnt: NDArray[np.bool_]) -> Targets:
    """Targets among the classes that are learnt."""
    return (np.cumsum(learnt) - 1)[targets] if targets.ndim == 1 else targets[:, learnt]
