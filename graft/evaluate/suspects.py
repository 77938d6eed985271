"""Labels that are probably wrong, by what heads say of pictures they never saw.

Source: Northcutt, Jiang and Chuang 2021, https://doi.org/10.1613/jair.1.12125, as cleanlab computes it;
several labels a picture: Thyagarajan et al. 2022, https://arxiv.org/abs/2211.13895.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
from cleanlab import filter as confident
from cleanlab import multilabel_classification as several
from cleanlab import rank
from numpy.typing import NDArray

from graft.model.task import Task

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
        targets: `[N]` or `[N, K]`, as `graft.split.table` has them.
        probabilities: `[N, K]`, out of fold; NaN where nothing was learnt.
    """
    numbers, wanted, scores = (_several if task.multi_label else _one)(targets, probabilities)
    found = pd.DataFrame(
        {
            "path": [paths[number] for number in numbers],
            "label": task.texts(targets[numbers]),
            "suggested": task.texts(wanted),
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
