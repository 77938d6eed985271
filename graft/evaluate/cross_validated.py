"""Every labelled image counted: heads on stored features, each asked of images that it had not learnt from."""

import numpy as np
import pandas as pd

from graft.data.arrays import Embeddings
from graft.data.dataset import SPLITS, Dataset
from graft.evaluate.decision import Logits
from graft.evaluate.evaluation import metrics_of
from graft.evaluate.metrics import Figures, Scores
from graft.heads.cross_validate import answerable, never_learnt, out_of_fold_logits
from graft.stats.draws import tied_units
from graft.tasks import Task

OVERLAP = 1.35
"""How much wider intervals are than those of as many images asked of one head: the heads share most of what they
learnt from, so that their answers err together, and each learnt from a fifth less than all.

Of simulated images and heads (`benchmarks/coverage.py`), 95 % intervals that are widened so hold what a head of all
images would answer in 90 to 99 of 100 draws; plain ones do so too seldom.

Source: Nadeau and Bengio 2003, https://doi.org/10.1023/A:1024068626366, whose own factor for five folds, 1.5, is more
than that needs; Bates, Hastie and Tibshirani 2021, https://arxiv.org/abs/2104.00673.
"""
ABOVE_1 = ("log_loss", "brier")
"""Figures that may be above 1."""


def cross_validated(
    dataset: Dataset, duplicates: pd.Series, embeddings: Embeddings, task: Task, l2: float
) -> Scores | None:
    """Measure linear heads on all images of train, valid and test; None where no image can be left out.

    Folds and the draws of the intervals keep groups and copies whole. The penalty is the one that was
    chosen in train and valid. Images of a class that no other fold has are left out.

    Args:
        duplicates: duplicate group of every row of `dataset`.
    """
    logits, targets = out_of_fold_logits(dataset, duplicates, embeddings, task, l2), dataset.targets(*SPLITS)
    used, known = dataset.rows["split"].isin(SPLITS).to_numpy(), answerable(logits, targets, task)
    if not known.any():
        return None
    answers = Logits(never_learnt(logits[known]).astype(np.float32), targets[known])
    unit_of = tied_units([duplicates[used].reset_index(drop=True), dataset.rows["group"][used]], len(targets))
    probabilities, losses = answers.probabilities(task, 1.0), answers.losses(task, 1.0)
    scores = metrics_of(task).measure(probabilities, losses, answers.targets, pd.Series(unit_of[known]).astype(str))
    return scores.model_copy(update={"figures": widened(scores.figures)})


def widened(figures: Figures) -> Figures:
    """Move the ends of every interval away from its figure, for heads that learnt from much the same images."""
    found = dict(figures)
    for name, value in figures.items():
        low, high = figures.get(f"{name}_low"), figures.get(f"{name}_high")
        if value is None or low is None or high is None:
            continue
        most = np.inf if name in ABOVE_1 else 1.0
        found[f"{name}_low"] = max(0.0, value - OVERLAP * (value - low))
        found[f"{name}_high"] = min(most, value + OVERLAP * (high - value))
    return found
