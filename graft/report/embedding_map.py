"""A map of the test images: those lie close whose features are alike."""

from pathlib import Path

import numpy as np
import pandas as pd
from matplotlib.colors import hsv_to_rgb
from matplotlib.figure import Figure
from numpy.typing import NDArray
from sklearn.decomposition import PCA
from sklearn.manifold import TSNE
from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

from graft.core import tables
from graft.core.seeds import derive
from graft.data.arrays import Embeddings
from graft.render.figures import plain, save_figure
from graft.tasks import Task

MOST = 1500
"""Images on a map: more are a blot, and take minutes."""
NAMED = 12
"""Up to this many classes have a legend."""
COLOURS = (
    "#4477aa", "#ee6677", "#228833", "#ccbb44", "#66ccee", "#aa3377",
    "#ee8866", "#555555", "#99ddff", "#bbcc33", "#882255", "#44bb99",
)  # fmt: skip
"""Source: Paul Tol's qualitative schemes, told apart by the colour-blind too, https://sronpersonalpages.nl/~pault/"""


def save_map(folder: Path, predictions: pd.DataFrame, features: Embeddings, task: Task) -> None:
    """Write ``map.csv`` (path, x, y, label, predicted) and ``map.png`` of a random sample, the same bytes on each run.

    Args:
        predictions: as `graft.evaluate.evaluation.read_predictions` gives them.
        features: of the pretrained network, as `embed` stored them.
    """
    chosen = np.random.default_rng(derive(0, "map")).permutation(len(predictions))[:MOST]
    rows = predictions.iloc[np.sort(chosen)]
    plane = layout(features.plain(features.find(rows["path"].tolist())))
    found = rows[["path"]].assign(x=plane[:, 0], y=plane[:, 1], label=rows["label"], predicted=rows["predicted"])
    tables.write(folder / "map.csv", found)
    _draw(folder / "map.png", found, task)


def layout(features: NDArray[np.float32]) -> NDArray[np.float64]:
    """Lay features `[N, D]` out on a plane, `[N, 2]`: standardised, 50 principal components, then t-SNE.

    Fewer than 10 images, or images that do not differ, are laid out by their first two
    principal components alone.

    Source: van der Maaten and Hinton 2008, https://jmlr.org/papers/v9/vandermaaten08a.html
    """
    if not (features != features[:1]).any():  # none at all, one, or all alike
        return np.zeros((len(features), 2))
    features = features.astype(np.float64)
    deviation = features.std(0)
    standard = (features - features.mean(0)) / np.where(deviation > 0, deviation, 1)
    # which thread adds first would be seen in the last digits, and t-SNE makes much of those
    with threadpool_limits(1):
        count = min(50, *standard.shape)
        reduced = PCA(count, random_state=0).fit_transform(standard).round(6)
        plane = np.zeros((len(reduced), 2))
        plane[:, : min(2, count)] = reduced[:, :2]
        if len(features) >= 10:  # of fewer no neighbourhoods can be learned
            small = 1e-4 * plane / plane[:, 0].std()  # as scikit-learn begins with PCA
            heeded = min(30, (len(features) - 1) / 3)
            tsne = TSNE(2, perplexity=heeded, init=small.astype(np.float32), random_state=0, n_jobs=1)
            plane = tsne.fit_transform(reduced.astype(np.float32))
    return np.asarray(plane, dtype=np.float64).round(4)


def _draw(path: Path, points: pd.DataFrame, task: Task) -> None:
    """Draw a point an image, coloured by its label; those answered wrongly are ringed."""
    # each set of labels counts as one kind
    order = {name: position for position, name in enumerate(task.classes)}
    kinds = sorted(points["label"].unique(), key=lambda kind: [order[name] for name in task.parse_labels(kind)])
    figure = Figure(figsize=(9, 7), layout="constrained")
    axes = figure.subplots()
    size = 40 if len(points) <= 300 else 18
    for number, kind in enumerate(kinds):
        some = points[points["label"] == kind]
        colour = COLOURS[number] if len(kinds) <= NAMED else _hue(number, len(kinds))
        axes.scatter(some["x"], some["y"], s=size, color=colour, linewidths=0, alpha=0.85, label=_legend(kind))
    wrong = points[points["label"] != points["predicted"]]
    if len(wrong):
        label = f"wrong, {len(wrong)} of {len(points)}"
        axes.scatter(
            wrong["x"], wrong["y"], s=3 * size, facecolors="none", edgecolors="black", linewidths=0.8, label=label
        )
    axes.set_xticks([])
    axes.set_yticks([])
    axes.set_aspect("equal", adjustable="datalim")
    for spine in axes.spines.values():
        spine.set_color("#d9dde3")
    if 0 < len(kinds) <= NAMED:
        figure.legend(loc="outside right upper", frameon=False, fontsize=9)
    save_figure(figure, path)


def _legend(kind: str) -> str:
    """A kind for the legend, which would leave out an empty one and one that begins with an underscore."""
    shown = plain([kind], 24)[0] if kind else "no class"
    return f" {shown}" if shown.startswith("_") else shown


def _hue(number: int, count: int) -> tuple[float, float, float]:
    """One of many colours, neighbours far apart in lightness."""
    red, green, blue = hsv_to_rgb((number / count, 0.8, (0.9, 0.65, 0.45)[number % 3]))
    return float(red), float(green), float(blue)
