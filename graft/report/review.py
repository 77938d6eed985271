"""review.csv: what a person should look at again, and a sheet of it.

Labels that are probably wrong are found by what heads answer about images that they never saw.

Source: Northcutt, Jiang and Chuang 2021, https://doi.org/10.1613/jair.1.12125, as cleanlab computes it;
several labels an image: Thyagarajan et al. 2022, https://arxiv.org/abs/2211.13895.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from cleanlab import filter as confident
from cleanlab import multilabel_classification as multilabel
from cleanlab import rank
from numpy.typing import NDArray

from graft.core import tables
from graft.data.arrays import Embeddings, ImageRows
from graft.data.dataset import SPLITS, Dataset
from graft.heads.config import TrainHead
from graft.heads.cross_validate import never_learnt, out_of_fold_logits
from graft.heads.fit import fit_head
from graft.render.sheets import Tile, save_note, save_sheet
from graft.report.gallery import NO_CLASS
from graft.report.neighbours import Standardised, near_duplicates, outliers
from graft.tasks import Task

COLUMNS = ["rank", "path", "kind", "label", "suggested", "score", "other", "split"]
KINDS = {
    "label": ("doubtful", (198, 40, 40)),
    "near_duplicate": ("alike", (180, 110, 20)),
    "outlier": ("unusual", (70, 90, 160)),
}
"""Kinds in the order of the table: what a caption calls them, and the colour of their frame."""
LEAST_PENALTY = 0.01
"""Weakest penalty: without one, classes that a plane divides have no optimum, and nothing is doubted."""


def review(
    dataset: Dataset, duplicates: pd.Series, embeddings: Embeddings, task: Task, l2: float | None, count: int
) -> pd.DataFrame:
    """List what is probably wrong with the images of train, valid and test, kind by kind, the worst first.

    Args:
        duplicates: duplicate group of every row of `dataset`.
        l2: penalty of the heads that doubt labels: the one that train-head chose; None chooses one.
        count: most rows of each kind.

    Returns:
        Columns rank (from 1), path, kind (label, near_duplicate or outlier), label, suggested (empty where
        nothing is), score in [0, 1], other (the partner of a near duplicate, else empty) and split.
        Scores of two kinds do not compare.

    Raises:
        TrainingError: a head reaches no optimum.
    """
    used = dataset.rows["split"].isin(SPLITS).to_numpy()
    rows = dataset.rows[used].reset_index(drop=True).rename(columns={"labels": "label"})
    paths, features = rows["path"].tolist(), Standardised.of(embeddings, rows["path"].tolist())
    probabilities = out_of_fold_probabilities(dataset, duplicates, embeddings, task, l2)
    found = {
        "label": label_errors(paths, dataset.targets(*SPLITS), probabilities, task),
        "near_duplicate": near_duplicates(rows, duplicates[used], features),
        "outlier": outliers(paths, features),
    }
    listed = [
        part.head(count).assign(kind=kind, **{name: "" for name in ("suggested", "other") if name not in part})
        for kind, part in found.items()
        if len(part)
    ]
    if not listed:
        return pd.DataFrame(columns=COLUMNS)
    table = pd.concat(listed, ignore_index=True)
    known = rows.set_index("path").loc[table["path"]]
    table["label"], table["split"] = known["label"].to_numpy(), known["split"].to_numpy()
    table["rank"] = range(1, len(table) + 1)
    return table[COLUMNS]


def save_review(folder: Path, table: pd.DataFrame | None, pixels: ImageRows, task: Task, count: int) -> None:
    """Write ``review.csv`` and ``review.png``, a sheet of the first rows of every kind.

    Under each image stand its label and what is suggested; the partner of a near duplicate follows it.

    Args:
        table: what `review` returned; None where it was not asked for, which the sheet then says.
        count: most images on the sheet.
    """
    if table is None:
        return save_note(folder / "review.png", "not looked for: report.review is 0")
    tables.write(folder / "review.csv", table)
    if table.empty:
        return save_note(folder / "review.png", "nothing is suspected")
    share = max(2, count // table["kind"].nunique())
    of_kind = table.groupby("kind", sort=False).cumcount()
    tiles: list[Tile] = []
    for _, row in table[of_kind < np.where(table["other"] == "", share, share // 2)].iterrows():
        adjective, colour = KINDS[row["kind"]]
        names = [row["label"]] + [row["suggested"]] * bool(row["suggested"] or row["kind"] == "label")
        change = " -> ".join(", ".join(task.parse_labels(name)) or NO_CLASS for name in names)
        lines = (change, f"{adjective} {row['score']:.2f}, {row['split']}", Path(row["path"]).name)
        tiles.append(Tile(pixels.read(pixels.find([row["path"]]))[0], lines, colour))
        if row["other"]:
            lines = ("its near duplicate", "", Path(row["other"]).name)
            tiles.append(Tile(pixels.read(pixels.find([row["other"]]))[0], lines, colour))
    return save_sheet(folder / "review.png", tiles[:count], columns=6, side=144)


def out_of_fold_probabilities(
    dataset: Dataset, duplicates: pd.Series, embeddings: Embeddings, task: Task, l2: float | None
) -> NDArray[np.float64]:
    """Probabilities `[N, K]` of every image in train, valid and test, by order of path, from the other folds' head.

    NaN where the other folds say nothing about a class.

    Args:
        duplicates: duplicate group of every row of `dataset`.
        l2: penalty of the heads; None chooses one on valid.

    Raises:
        TrainingError: a head reaches no optimum.
    """
    if l2 is None:
        l2 = fit_head(embeddings, dataset, TrainHead(solver="lbfgs"), 1.0, 0).chosen["l2"]
    logits = out_of_fold_logits(dataset, duplicates, embeddings, task, max(l2, LEAST_PENALTY))
    probabilities = np.full_like(logits, np.nan)
    answered = ~np.isnan(logits).all(1)
    probabilities[answered] = task.probabilities(never_learnt(logits[answered]).astype(np.float32))
    return np.where(np.isnan(logits), np.nan, probabilities)


Doubts = tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.float64]]
"""Row numbers of the images whose label is doubted, what is suggested for each, and how strongly it is doubted."""

NO_DOUBTS: Doubts = np.empty(0, dtype=np.int64), np.empty(0, dtype=np.int64), np.empty(0)


def label_errors(
    paths: Sequence[str], targets: NDArray[Any], probabilities: NDArray[np.float64], task: Task
) -> pd.DataFrame:
    """Labels to doubt, the most doubtful first, as columns path, label, suggested and score in [0, 1].

    With one label an image the score says how far the class suggested is more probable than the
    label: 1 where it is certain, one half where neither is better. With several it is led by the
    answer, yes or no for one class, that is doubted most. Both are cleanlab's label quality, taken
    from 1. A label is not doubted where nothing could be learnt about its class.

    Args:
        targets: `[N]` or `[N, K]`, as `graft.data.dataset` has them.
        probabilities: `[N, K]`, out of fold; NaN where nothing was learnt.
    """
    doubt = _doubt_one if targets.ndim == 1 else _doubt_each
    numbers, suggested, scores = doubt(targets, probabilities)
    found = pd.DataFrame(
        {
            "path": [paths[number] for number in numbers],
            "label": task.format_labels(targets[numbers]),
            "suggested": task.format_labels(suggested),
            "score": np.clip(scores, 0, 1).round(6),
        }
    )
    return found.sort_values(["score", "path"], ascending=[False, True], ignore_index=True)


def _doubt_one(targets: NDArray[np.int64], probabilities: NDArray[np.float64]) -> Doubts:
    """By how much another class is more probable."""
    known = np.flatnonzero(~np.isnan(probabilities[np.arange(len(targets)), targets]))
    labels, known_probabilities = targets[known], np.nan_to_num(probabilities[known])
    if len(np.unique(labels)) < 2:
        return NO_DOUBTS
    # all labels that are outvoted are ranked: of two classes, cleanlab's narrower lists leave out many errors;
    # in one process: the work is small, and to fork after torch has made threads is asking for trouble
    doubted = confident.find_label_issues(labels, known_probabilities, filter_by="predicted_neq_given", n_jobs=1)
    quality = rank.get_label_quality_scores(labels, known_probabilities, method="normalized_margin")
    return known[doubted], known_probabilities[doubted].argmax(1), 1 - quality[doubted]


def _doubt_each(targets: NDArray[np.float32], probabilities: NDArray[np.float64]) -> Doubts:
    """Every class is a question of its own; an image is as doubtful as its most doubtful answers."""
    held = targets > 0
    filled = np.where(np.isnan(probabilities), held, probabilities)  # what was not learnt is not doubted
    mixed = np.flatnonzero(held.any(0) & ~held.all(0))
    if not len(mixed):
        return NO_DOUBTS
    filled = filled[:, mixed]
    labels = [np.flatnonzero(row).tolist() for row in held[:, mixed]]
    # a suggestion turns only the answers that are as unlikely as the opposite usually is likely
    find = multilabel.filter.find_multilabel_issues_per_class
    doubted = find(labels, filled, filter_by="confident_learning", n_jobs=1)
    quality = multilabel.get_label_quality_scores(labels, filled, method="self_confidence")
    numbers = np.flatnonzero(doubted.any(1))
    suggested = held.astype(np.int64)
    suggested[:, mixed] ^= doubted
    return numbers, suggested[numbers], 1 - quality[numbers]
