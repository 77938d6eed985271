"""``graft learning-curve``: how the head's accuracy grows with the labels it is fitted to."""

import json
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from matplotlib.ticker import PercentFormatter, ScalarFormatter
from numpy.typing import NDArray

from graft import params, tables
from graft.errors import DataError
from graft.figure import save_figure
from graft.model.embeddings import Embeddings
from graft.model.head import head_logits
from graft.model.task import Task, make_task
from graft.progress import bar
from graft.seeds import derive
from graft.split.draw import draw_groups, draw_units, tied
from graft.split.table import Dataset, read_dataset
from graft.train.examples import Examples
from graft.train.head import fit_head
from graft.train.lbfgs import Optimum, solve
from graft.train.train_head import TrainHead
from graft.train.trend import Point, Trend, table, verdict

IMAGES, LABELS, SPLIT = Path("data/images.csv"), Path("data/labels.csv"), Path("data/split.csv")
EMBEDDINGS, METRICS = Path("data/embeddings/features.npy"), Path("reports/train-head/metrics.json")
REPORT = Path("reports/learning-curve")

SHARES = (0.05, 0.1, 0.2, 0.4, 0.7, 1.0)

TRIES = 20
"""Random choices of groups of which the best is taken: the best of many would nearly always be the same."""


class Pool:
    """The training pictures to draw from.

    They are drawn by group when no group of train reaches into valid, for more labels then are more
    groups; else one by one. Copies of a picture come together. Either way strata are kept.

    Args:
        dataset: which pictures are train and valid.
        copies: duplicate group of every picture of `dataset`.
    """

    def __init__(self, dataset: Dataset, copies: pd.Series) -> None:
        rows = dataset.rows.reset_index(drop=True)
        group = rows["group"]
        train, valid = ((rows["split"] == name).to_numpy() for name in ("train", "valid"))
        inside = {name: set(group[mask]) - {""} for name, mask in (("train", train), ("valid", valid))}
        self.by_group = bool(inside["train"]) and not inside["train"] & inside["valid"]
        units = tied([copies.reset_index(drop=True)] + [group] * self.by_group, len(rows))
        self.train, self.valid = units[train], units[valid]
        self.strata = tables.said(rows)[train].reset_index(drop=True)

    def draw(self, share: float, number: int) -> NDArray[np.bool_] | None:
        """Mask of one draw of a share of the training pictures; None when it would be of one class only."""
        seed = derive(0, "learning-curve", f"{share:g}", number)
        if share == 1:
            drawn = np.ones(len(self.train), dtype=np.bool_)
        else:
            draw = partial(draw_groups, most=TRIES) if self.by_group else draw_units
            drawn = draw(self.train, self.strata, share, seed)
        return drawn if self.strata[drawn].nunique() > 1 else None


def measure(embeddings: Embeddings, dataset: Dataset, pool: Pool, l2: float, draws: int) -> Iterator[Point]:
    """Yield the points of the curve, the smallest share first; a share too small for two classes is left out.

    Features are standardised as all training pictures' are throughout: that takes no labels.

    Args:
        l2: penalty of the heads, which `lbfgs` takes to their optimum.
        draws: heads for each share but the whole, which can be drawn only once.
    """
    task = make_task(dataset.classes, dataset.multi_label)
    train, valid = Examples.train(embeddings, dataset), Examples.valid(embeddings, dataset)
    moments = train.moments()
    with bar("learning-curve", round(sum(SHARES[:-1]) * draws * 100) + 100) as progress:
        for share in SHARES:
            masks = [pool.draw(share, number) for number in range(draws if share < 1 else 1)]
            heads = []
            for mask in masks:
                if mask is not None:
                    part = Examples(embeddings, train.rows[mask], train.targets[mask], train.views)
                    heads.append((int(mask.sum()), *_judge(solve(part, task, [l2], moments), valid, task)))
                progress.update(round(100 * share))
            if heads:
                pictures, right, losses = zip(*heads, strict=True)
                yield Point(share, list(pictures), np.stack(right), list(losses))


def _judge(path: Iterator[Optimum], valid: Examples, task: Task) -> tuple[NDArray[np.bool_], float]:
    """Which valid pictures the optimal head answers right, `[N]`, and its log loss."""
    logits = head_logits(next(path).head, valid.embeddings, valid.rows)
    likelihood = task.log_likelihood(logits.astype(np.float64), valid.targets)
    return task.right(logits, valid.targets), -float(likelihood.mean())


def save_curve(path: Path, curve: pd.DataFrame, hits: str) -> None:
    """Draw the share that is right over the number of training pictures, with its intervals."""
    figure = Figure(figsize=(6, 4), layout="constrained")
    axes = figure.subplots()
    axes.fill_between(curve["pictures"], curve[f"{hits}_low"], curve[f"{hits}_high"], color="#4a7ab5", alpha=0.2)
    axes.plot(curve["pictures"], curve[hits], marker="o", color="#4a7ab5")
    axes.set_xscale("log", base=2)
    axes.set_xticks(curve["pictures"].round().to_list())
    axes.xaxis.set_major_formatter(ScalarFormatter())
    axes.yaxis.set_major_formatter(PercentFormatter(1.0, decimals=0))
    axes.set(xlabel="training pictures", ylabel=f"{hits.replace('_', ' ')} on valid, 95 % interval")
    axes.spines[["top", "right"]].set_visible(False)
    save_figure(figure, path)


def learning_curve(values: dict[str, Any], draws: int) -> Iterator[str]:
    """Measure the curve and write curve.csv and curve.png; yield lines for a person, the verdict last.

    Args:
        values: params.yaml.
        draws: of every share.

    Raises:
        DataError: the pipeline has not come as far as train-head.
    """
    for file in (IMAGES, LABELS, SPLIT, EMBEDDINGS, METRICS):
        if not file.is_file():
            raise DataError(f"{file} is absent: no head was fitted yet; run `dvc repro train-head`")
    knobs: TrainHead = params.check("train_head", TrainHead, values["train_head"])
    dataset, embeddings = read_dataset(LABELS, SPLIT), Embeddings(EMBEDDINGS)
    copies = tables.read(IMAGES, ["path", "duplicate_group"]).set_index("path")["duplicate_group"]
    pool = Pool(dataset, copies.loc[dataset.rows["path"]])
    l2 = json.loads(METRICS.read_text(encoding="utf-8"))["valid"].get("l2")
    if not l2:  # the head has a hidden layer, or no penalty; the curve is that of a linear one with one all the same
        penalties = [value for value in knobs.l2 if value > 0] or TrainHead().l2
        l2 = fit_head(embeddings, dataset, TrainHead(solver="lbfgs", l2=penalties), 1.0, 0).chosen["l2"]
    hits, trend = make_task(dataset.classes, dataset.multi_label).hits, Trend(pool.valid)
    drawn = "by group" if pool.by_group else "picture by picture"
    yield f"linear heads at l2 {l2:g}, {draws} draws of each share, drawn {drawn}, judged on valid"

    points: list[Point] = []
    for point in measure(embeddings, dataset, pool, l2, draws):
        points.append(point)
        interval = trend.interval(point)
        yield f"{point.size:8.0f} pictures  {point.accuracy:.1%} ({interval.low:.1%} to {interval.high:.1%})"
    curve = table(points, trend, hits)
    tables.write(REPORT / "curve.csv", curve)
    save_curve(REPORT / "curve.png", curve, hits)
    yield f"curve: {REPORT / 'curve.png'}"
    gain = trend.doubling(points)
    yield "too few pictures to say what more would bring" if gain is None else verdict(*gain, hits)
