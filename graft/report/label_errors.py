"""Labels that are probably wrong, by what heads say of pictures they never saw.

Source: Northcutt, Jiang and Chuang 2021, https://doi.org/10.1613/jair.1.12125, as cleanlab computes it;
several labels a picture: Thyagarajan et al. 2022, https://arxiv.org/abs/2211.13895.
"""

from collections.abc import Sequence
from functools import partial
from typing import Any

import numpy as np
import pandas as pd
from cleanlab import filter as confident
from cleanlab import multilabel_classification as several
from cleanlab import rank
from numpy.typing import NDArray

from graft.core.progress import bar
from graft.core.seeds import derive
from graft.data.arrays import Embeddings
from graft.data.dataset import SPLITS, Dataset, label_column
from graft.heads.config import TrainHead
from graft.heads.examples import Examples
from graft.heads.fit import fit_head
from graft.heads.lbfgs import solve
from graft.network.head import head_logits
from graft.stats.draws import draw_folds, draw_groups, draw_units, tied_units
from graft.tasks import Task

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
    fold, targets = make_folds(dataset, copies), dataset.targets(*SPLITS)
    places = embeddings.find(dataset.paths(*SPLITS))
    moments = Examples(embeddings, places, targets, embeddings.views).moments()  # takes no labels, so leaks none
    probabilities = np.full((len(fold), len(task.classes)), np.nan)
    with bar("out of fold", FOLDS) as progress:
        for number in range(FOLDS):
            held = fold == number
            learnt = task.learnable(targets[~held])
            if held.any() and learnt.any():
                part, wanted = task.restrict(targets[~held], learnt)
                train = Examples(embeddings, places[~held], wanted, embeddings.views)
                head = next(solve(train, part, [max(l2, LEAST)], moments)).head
                logits = head_logits(head, embeddings, places[held])
                probabilities[np.ix_(held, learnt)] = part.probabilities(logits)
            progress.update()
    return probabilities


def make_folds(dataset: Dataset, copies: pd.Series) -> NDArray[np.int64]:
    """Fold of every picture in train, valid and test, `[N]`: stratified, copies and groups on one side."""
    used = dataset.rows["split"].isin(SPLITS).to_numpy()
    rows = dataset.rows[used].reset_index(drop=True)
    units = tied_units([copies[used].reset_index(drop=True), rows["group"]], len(rows))
    draw = draw_groups if (rows["group"] != "").any() else draw_units
    return draw_folds(draw, units, label_column(rows), FOLDS, partial(derive, 0, "out-of-fold"))


Found = tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.float64]]
"""Numbers of the pictures suspected, what is suggested for each, and how strongly it is suspected."""

NONE: Found = np.empty(0, dtype=np.int64), np.empty(0, dtype=np.int64), np.empty(0)


def suspects(
    paths: Sequence[str], targets: NDArray[Any], probabilities: NDArray[np.float64], task: Task
) -> pd.DataFrame:
    """Labels to doubt, the most doubtful first, as columns path, label, suggested and score in [0, 1].

    With one label a picture the score tells how far the class suggested is more probable than the
    label: 1 where it is certain, one half where neither is better. With several it is led by the
    answer, yes or no for one class, that is doubted most. Both are cleanlab's label quality, taken
    from 1. A label is not doubted where nothing could be learnt about its class.

    Args:
        targets: `[N]` or `[N, K]`, as `graft.data.dataset` has them.
        probabilities: `[N, K]`, out of fold; NaN where nothing was learnt.
    """
    numbers, wanted, scores = (_several if task.multi_label else _one)(targets, probabilities)
    found = pd.DataFrame(
        {
            "path": [paths[number] for number in numbers],
            "label": task.format_labels(targets[numbers]),
            "suggested": task.format_labels(wanted),
            "score": np.clip(scores, 0, 1).round(6),
        }
    )
    return found.sort_values(["score", "path"], ascending=[False, True], ignore_index=True)


def _one(targets: NDArray[np.int64], probabilities: NDArray[np.float64]) -> Found:
    """By how much another class is more probable."""
    judged = np.flatnonzero(~np.isnan(probabilities[np.arange(len(targets)), targets]))
    labels, chances = targets[judged], np.nan_to_num(probabilities[judged])
    if len(np.unique(labels)) < 2:
        return NONE
    # all labels that are outvoted are ranked: of two classes, cleanlab's narrower lists leave out many errors;
    # in one process: the work is small, and to fork after torch has made threads is asking for trouble
    doubted = confident.find_label_issues(labels, chances, filter_by="predicted_neq_given", n_jobs=1)
    quality = rank.get_label_quality_scores(labels, chances, method="normalized_margin")
    return judged[doubted], chances[doubted].argmax(1), 1 - quality[doubted]


def _several(targets: NDArray[np.float32], probabilities: NDArray[np.float64]) -> Found:
    """Every class is a question of its own; a picture is as doubtful as its most doubtful answers."""
    held = targets > 0
    chances = np.where(np.isnan(probabilities), held, probabilities)  # what was not learnt is not doubted
    asked = np.flatnonzero(held.any(0) & ~held.all(0))
    if not len(asked):
        return NONE
    chances = chances[:, asked]
    labels = [np.flatnonzero(row).tolist() for row in held[:, asked]]
    # a suggestion turns only the answers that are as unlikely as the opposite usually is likely
    doubted = several.filter.find_multilabel_issues_per_class(labels, chances, filter_by="confident_learning", n_jobs=1)
    quality = several.get_label_quality_scores(labels, chances, method="self_confidence")
    numbers = np.flatnonzero(doubted.any(1))
    wanted = held.astype(np.int64)
    wanted[:, asked] ^= doubted
    return numbers, wanted[numbers], 1 - quality[numbers]
