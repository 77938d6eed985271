"""``graft folds``: the whole recipe once a fold, so that every labelled image is once in test.

Each fold is an experiment of DVC's queue with `split.folds` and `split.fold` set; what is done is kept, and the same
command goes on after an interruption. Predictions of all folds are joined, and measured as those of one test split.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from graft.apps.compare.revisions import LABELS, METRICS, PREDICTIONS, open_revision
from graft.apps.compare.run import NETWORKS, Predictions, parse_metrics, parse_predictions, read_rows
from graft.apps.queue import Queue, tracked_state
from graft.core import params, tables
from graft.core.errors import DataError, ParamsError
from graft.core.files import new_folder, write_json
from graft.data.dataset import targets
from graft.evaluate.cross_validated import widened
from graft.evaluate.evaluation import metrics_of
from graft.evaluate.metrics import Scores
from graft.split.config import Split
from graft.tasks import make_task

REPORT = Path("reports/folds")


@dataclass(frozen=True, slots=True)
class Fold:
    """What one fold's run measured on its test images.

    Attributes:
        metrics: what metrics.json says.
        predictions: of the network handed on.
        groups: of the same images, in their order.
    """

    metrics: dict[str, Any]
    predictions: Predictions
    groups: pd.Series


def folds(values: dict[str, Any], count: int, jobs: int) -> Iterator[str]:
    """Run every fold that is not done, join their predictions, and yield lines for a person.

    Args:
        values: params.yaml.
        count: folds.
        jobs: how many run at once.

    Raises:
        ParamsError: the splits are given, so that no folds can be drawn.
        QueueError: a fold did not come to an end.
        DataError: the folds do not hold each image once.
    """
    split = values["split"] | {"folds": count, "fold": count - 1}
    if split["by"] in ("folder", "column"):
        raise ParamsError(f"split.by: {split['by']} takes the splits as they are given; folds are drawn by another one")
    params.check("split", Split, split)
    queue = Queue(f"folds-{tracked_state()[:8]}", jobs, f"{{}}-of-{count}")
    wanted = {number: {"split.folds": count, "split.fold": number - 1} for number in range(1, count + 1)}
    yield from queue.run(wanted, "evaluate")  # of a fold nobody reads a report, or serves the bundle
    found = [read_fold(queue.title(number)) for number in wanted]
    scores = measure(found)
    table = by_fold(found)
    with new_folder(REPORT) as folder:
        tables.write(folder / "folds.csv", table)
        joined = [one.predictions.rows.join(one.predictions.probabilities.add_prefix("p_")) for one in found]
        rows = pd.concat([part.assign(fold=number) for number, part in enumerate(joined, start=1)])
        tables.write(folder / "predictions.csv", rows.rename_axis("path").sort_index().reset_index())
        write_json(folder / "metrics.json", {"images": scores.images, "interval": scores.interval} | scores.figures)
        write_json(folder / "classes.json", {name: one.model_dump() for name, one in scores.classes.items()})
    yield from show(table, scores, _primary(found[0]))


def read_fold(name: str) -> Fold:
    """Read what the experiment of a fold measured."""
    with open_revision(name, Path()) as revision:
        predictions = parse_predictions(revision.read(PREDICTIONS), f"{PREDICTIONS} of {name}")
        metrics = parse_metrics(revision.read(METRICS), f"{METRICS} of {name}")
        labels = read_rows(revision.read(LABELS), f"{LABELS} of {name}", "group")
    return Fold(metrics, predictions, labels["group"].loc[predictions.rows.index])


def measure(found: Sequence[Fold]) -> Scores:
    """Measure the answers of all folds together; the intervals allow for what the networks learnt in common.

    Raises:
        DataError: an image is in several folds, or folds have other classes than the first.
    """
    rows = pd.concat([one.predictions.rows for one in found])
    if not rows.index.is_unique:
        twice = rows.index[rows.index.duplicated()]
        raise DataError(f"{len(twice)} images are in the test split of two folds, such as {twice[0]!r}")
    classes = sorted({name for one in found for name in one.predictions.classes})
    # a class that a fold could not learn has no probability there
    probabilities = pd.concat([one.predictions.probabilities.reindex(columns=classes, fill_value=0) for one in found])
    multi_label = found[0].predictions.multi_label
    task = make_task(classes, multi_label)
    labels = rows[["label"]].rename(columns={"label": "labels"}) if multi_label else rows[["label"]]
    scores = metrics_of(task).measure(
        probabilities.to_numpy(np.float64),
        rows["loss"].to_numpy(np.float64),
        targets(labels, classes),
        pd.concat([one.groups for one in found]).reset_index(drop=True),
    )
    return scores.model_copy(update={"figures": widened(scores.figures)})


def by_fold(found: Sequence[Fold]) -> pd.DataFrame:
    """A row a fold: images, the network handed on, the metric that decides and the log loss of each network."""
    rows = []
    for number, one in enumerate(found, start=1):
        row = {"fold": number, "images": one.metrics["test"]["images"], "kept": one.metrics["kept"]}
        for name in ("test", *NETWORKS[:2]):
            for figure in (_primary(one), "log_loss"):
                row[f"{name}_{figure}"] = one.metrics.get(name, {}).get(figure)
        rows.append(row)
    return pd.DataFrame(rows)


def show(table: pd.DataFrame, scores: Scores, primary: str) -> Iterator[str]:
    """Yield the table and what is known of all images."""
    yield f"{'fold':>4}{'images':>8}{primary.replace('_', ' '):>14}{'the head':>12}{'fine-tuned':>12}  handed on"
    for row in table.to_dict("records"):
        cells = [row[f"{name}_{primary}"] for name in ("test", "head", "finetuned")]
        shares = [f"{'none' if cell is None or pd.isna(cell) else f'{cell:.1%}':>12}" for cell in cells]
        yield f"{row['fold']:>4}{row['images']:>8}  {''.join(shares)}  {row['kept']}"
    value, low, high = (scores.figures.get(primary + end) for end in ("", "_low", "_high"))
    interval = "no interval: one group" if low is None or high is None else f"{low:.1%} to {high:.1%}"
    yield f"all {scores.images} images: {primary.replace('_', ' ')} {value:.1%} ({interval})"
    yield f"{REPORT} has the table, all predictions and every figure"


def _primary(fold: Fold) -> str:
    return "exact_match" if fold.predictions.multi_label else "accuracy"
