"""``graft learning-curve``: how the head's accuracy grows with the labels it is fitted to."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from matplotlib.ticker import PercentFormatter, ScalarFormatter
from numpy.typing import NDArray

from graft.core import params, tables
from graft.core.errors import DataError
from graft.core.progress import bar
from graft.core.seeds import derive
from graft.data.arrays import Embeddings
from graft.data.dataset import Dataset, label_column, read_dataset
from graft.heads.config import TrainHead
from graft.heads.examples import Examples
from graft.heads.fit import fit_head
from graft.heads.lbfgs import solve
from graft.network.head import head_logits
from graft.render.figures import save_figure
from graft.stats.draws import draw_groups, draw_units, tied_units
from graft.stats.intervals import Interval, percentile_interval, resamples, widest, wilson
from graft.tasks import make_task

IMAGES, LABELS, SPLIT = Path("data/images.csv"), Path("data/labels.csv"), Path("data/split.csv")
EMBEDDINGS, METRICS = Path("data/embeddings/features.npy"), Path("reports/train-head/metrics.json")
REPORT = Path("reports/learning-curve")

SHARES = (0.05, 0.1, 0.2, 0.4, 0.7, 1.0)

MIN_GAIN = 0.005
"""Gain that matters, as a share of the images: half a point."""


@dataclass(frozen=True, slots=True)
class Point:
    """Heads fitted to a share of the training images, one for each draw.

    Attributes:
        share: of all training images.
        images: how many each draw has, `[R]`.
        correct: which of the valid images each head classifies correctly, `[R, N]`.
        losses: log loss of each on valid, `[R]`, in nats.
    """

    share: float
    images: list[int]
    correct: NDArray[np.bool_]
    losses: list[float]

    @property
    def accuracy(self) -> float:
        """Mean over draws and images."""
        return float(self.correct.mean())

    @property
    def size(self) -> float:
        """Training images of a draw, in the mean."""
        return float(np.mean(self.images))


class Trend:
    """Resamples of a curve, the same for all of its points.

    Both draws and valid images are drawn again, with replacement, the images by whole units;
    every point meets the same images, so that slopes are of paired differences. Draws of a large
    share have most images in common, and all of them come from one training split: what another
    training split would change is not in the interval.

    Args:
        units: `[N]`, the unit of every valid image, such as its group.

    Source: the pigeonhole bootstrap for two crossed factors, Owen 2007, https://doi.org/10.1214/07-AOAS122
    """

    def __init__(self, units: NDArray[np.int64]) -> None:
        self._units = np.unique(units, return_inverse=True)[1]
        self._sizes = np.bincount(self._units)
        self._times = np.concatenate(list(resamples(len(self._sizes), "learning-curve", "images")))

    def interval(self, point: Point) -> Interval:
        """95 % interval of a point's accuracy, no narrower than if its images were independent."""
        if point.correct.all() or not point.correct.any():
            # every resample would agree, which is no certainty: count the units as the trials
            return wilson(len(self._sizes) if point.correct.all() else 0, len(self._sizes))
        found, count = percentile_interval(self._resampled(point), len(self._sizes)), point.correct.shape[1]
        return widest(found, wilson(round(point.accuracy * count), count))

    def doubling(self, points: list[Point]) -> tuple[float, Interval] | None:
        """Gain of accuracy from twice as many training images, if the curve keeps its recent slope.

        The slope is that of the straight line, over the logarithm of the number of images, through the points
        from a share of 0.4 on: a little over the last doubling. Curves flatten, so it promises rather too much.
        A power law has three numbers to fit and bends as the last points' noise will have it.
        No more can be gained than the last point still gets wrong.

        Returns:
            The gain and its 95 % interval, as shares; None with fewer than two points.
        """
        recent = [point for point in points if point.share >= 0.4]
        sizes = np.log2([point.size for point in recent])
        if len(np.unique(sizes)) < 2:
            return None
        weights = (sizes - sizes.mean()) / np.square(sizes - sizes.mean()).sum()
        slope = float(weights @ [point.accuracy for point in recent])
        room = 1 - recent[-1].accuracy
        slopes = weights @ np.stack([self._resampled(point) for point in recent])
        found = percentile_interval(slopes, len(self._sizes))
        return min(slope, room), Interval(min(found.low, room), min(found.high, room))

    def _resampled(self, point: Point) -> NDArray[np.float64]:
        """Accuracy of every resample, `[DRAWS]`."""
        draws = len(point.correct)
        again = np.concatenate(list(resamples(draws, "learning-curve", "draws", f"{point.share:g}"))) / draws
        by_unit = np.stack([np.bincount(self._units, weights=row) for row in point.correct])  # [R, U]
        correct = np.einsum("br,ru,bu->b", again, by_unit, self._times, optimize=True)
        return np.asarray(correct / (self._times @ self._sizes), dtype=np.float64)


def verdict(gain: float, interval: Interval, metric: str) -> str:
    """One line that says whether more labels would help; `metric` is the name of the accuracy."""
    points, low, high = 100 * gain, 100 * interval.low, 100 * interval.high
    change = f"{points:+.1f} points of {metric.replace('_', ' ')} (95 %: {low:+.1f} to {high:+.1f})"
    if interval.low > 1e-9 and gain >= MIN_GAIN:  # a sum of floats may be off by less
        conclusion = "more labels would help"
    elif interval.high < 2 * MIN_GAIN:
        conclusion = "more labels would bring little"
    else:
        conclusion = "valid is too small to tell whether more labels would help"
    return f"twice the labels, if the curve keeps its slope: {change}; {conclusion}"


def table(points: list[Point], trend: Trend, metric: str) -> pd.DataFrame:
    """One row a point, for curve.csv."""
    intervals = [trend.interval(point) for point in points]
    columns = {
        "share": [point.share for point in points],
        "images": [round(point.size, 1) for point in points],
        "draws": [len(point.images) for point in points],
        metric: [point.accuracy for point in points],
        f"{metric}_low": [interval.low for interval in intervals],
        f"{metric}_high": [interval.high for interval in intervals],
        "log_loss": [float(np.mean(point.losses)) for point in points],
    }
    return pd.DataFrame(columns).round(6)


class Pool:
    """The training images to draw from.

    They are drawn by group when no group of train reaches into valid, for more labels then are more
    groups; else one by one. Copies of an image come together. Either way strata are kept.

    Args:
        dataset: which images are train and valid.
        copies: duplicate group of every image of `dataset`.
    """

    def __init__(self, dataset: Dataset, copies: pd.Series) -> None:
        rows = dataset.rows.reset_index(drop=True)
        group = rows["group"]
        train, valid = ((rows["split"] == name).to_numpy() for name in ("train", "valid"))
        inside = {name: set(group[mask]) - {""} for name, mask in (("train", train), ("valid", valid))}
        self.by_group = bool(inside["train"]) and not inside["train"] & inside["valid"]
        units = tied_units([copies.reset_index(drop=True)] + [group] * self.by_group, len(rows))
        self.train, self.valid = units[train], units[valid]
        self.strata = label_column(rows)[train].reset_index(drop=True)

    def draw(self, share: float, number: int) -> NDArray[np.bool_] | None:
        """Mask of one draw of a share of the training images; None when it would be of one class only."""
        seed = derive(0, "learning-curve", f"{share:g}", number)
        # the best of 20 choices of groups is taken: the best of many would nearly always be the same
        draw = partial(draw_groups, max_draws=20) if self.by_group else draw_units
        every = np.ones(len(self.train), dtype=np.bool_)
        drawn = every if share == 1 else draw(self.train, self.strata, share, seed)
        return drawn if self.strata[drawn].nunique() > 1 else None


def measure(embeddings: Embeddings, dataset: Dataset, pool: Pool, l2: float, draws: int) -> Iterator[Point]:
    """Yield the points of the curve, the smallest share first; a share too small for two classes is left out.

    Features are standardised as all training images' are throughout: that takes no labels.

    Args:
        l2: penalty of the heads, which `lbfgs` takes to their optimum.
        draws: heads for each share but the whole, which can be drawn only once.
    """
    task = make_task(dataset.classes, dataset.multi_label)
    train, valid = Examples.train(embeddings, dataset), Examples.valid(embeddings, dataset)
    moments = train.moments()
    with bar("learning-curve", round(sum(SHARES[:-1]) * draws * 100) + 100) as progress:
        for share in SHARES:
            heads = []
            for number in range(draws if share < 1 else 1):
                mask = pool.draw(share, number)
                if mask is not None:
                    part = Examples(embeddings, train.rows[mask], train.targets[mask], train.flips)
                    head = next(solve(part, task, [l2], moments)).head
                    logits = head_logits(head, valid.embeddings, valid.rows)
                    loss = -float(task.log_likelihood(logits.astype(np.float64), valid.targets).mean())
                    heads.append((int(mask.sum()), task.correct(logits, valid.targets), loss))
                progress.update(round(100 * share))
            if heads:
                images, correct, losses = zip(*heads, strict=True)
                yield Point(share, list(images), np.stack(correct), list(losses))


def save_curve(path: Path, curve: pd.DataFrame, metric: str) -> None:
    """Draw the accuracy over the number of training images, with its intervals."""
    figure = Figure(figsize=(6, 4), layout="constrained")
    axes = figure.subplots()
    axes.fill_between(curve["images"], curve[f"{metric}_low"], curve[f"{metric}_high"], color="#4a7ab5", alpha=0.2)
    axes.plot(curve["images"], curve[metric], marker="o", color="#4a7ab5")
    axes.set_xscale("log", base=2)
    axes.set_xticks(curve["images"].round().to_list())
    axes.xaxis.set_major_formatter(ScalarFormatter())
    axes.yaxis.set_major_formatter(PercentFormatter(1.0, decimals=0))
    axes.set(xlabel="training images", ylabel=f"{metric.replace('_', ' ')} on valid, 95 % interval")
    axes.spines[["top", "right"]].set_visible(False)
    save_figure(figure, path)


def learning_curve(values: dict[str, Any], draws: int) -> Iterator[str]:
    """Measure the curve and write curve.csv and curve.png; yield lines for a person, the verdict last.

    Raises:
        DataError: the pipeline has not come as far as train-head.
    """
    for file in (IMAGES, LABELS, SPLIT, EMBEDDINGS, METRICS):
        if not file.is_file():
            raise DataError(f"{file} is absent: no head was fitted yet; run `dvc repro train-head`")
    config: TrainHead = params.check("train_head", TrainHead, values["train_head"])
    dataset, embeddings = read_dataset(LABELS, SPLIT), Embeddings(EMBEDDINGS)
    copies = tables.read(IMAGES, ["path", "duplicate_group"]).set_index("path")["duplicate_group"]
    pool = Pool(dataset, copies.loc[dataset.rows["path"]])
    l2 = json.loads(METRICS.read_text(encoding="utf-8"))["valid"].get("l2")
    if not l2:  # the head has a hidden layer, or no penalty; the curve is that of a linear one with one all the same
        penalties = [value for value in config.l2 if value > 0] or TrainHead().l2
        l2 = fit_head(embeddings, dataset, TrainHead(solver="lbfgs", l2=penalties), 1.0, 0).chosen["l2"]
    metric, trend = make_task(dataset.classes, dataset.multi_label).primary_metric, Trend(pool.valid)
    drawn = "by group" if pool.by_group else "image by image"
    yield f"linear heads at l2 {l2:g}, {draws} draws of each share, drawn {drawn}, measured on valid"
    points: list[Point] = []
    for point in measure(embeddings, dataset, pool, l2, draws):
        points.append(point)
        interval = trend.interval(point)
        yield f"{point.size:8.0f} images  {point.accuracy:.1%} ({interval.low:.1%} to {interval.high:.1%})"
    curve = table(points, trend, metric)
    tables.write(REPORT / "curve.csv", curve)
    save_curve(REPORT / "curve.png", curve, metric)
    yield f"curve: {REPORT / 'curve.png'}"
    gain = trend.doubling(points)
    yield "too few images to say what more would bring" if gain is None else verdict(*gain, metric)
