"""What the index found, counted and drawn: images of each class, how many there are, and how large they are."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.colors import LogNorm
from matplotlib.figure import Figure

from graft.core.seeds import derive
from graft.data.dataset import class_names
from graft.images.decode import Square, decode
from graft.images.depth import Depth
from graft.index.duplicates import Duplicates
from graft.labels.rules import Labelled
from graft.render.figures import plain, save_figure
from graft.render.sheets import Tile, save_note, save_sheet

SAMPLE_CLASSES, SAMPLE_IMAGES = 8, 6
"""Classes on the sample sheet, one a row, and images of each."""

MAX_BARS = 40
"""Classes with a bar of their own; of more, the largest and the smallest."""

MAX_NAMED = 5
"""Files that a warning names."""

MAX_COPIES = 0.2
"""Share of the images that may be near copies of others without a word."""
KNOB = (
    "if they are different pictures, such as a fixed camera's frames, set index.near_duplicates to a lower tolerance "
    "({distance: 8, tolerance: 0.02}) or to off"
)

SIDE = 128


def class_by_path(rows: pd.DataFrame) -> pd.Series:
    """Class by path; an image of several classes has a row for each, one of none has no row."""
    names = class_names(rows.set_index("path"))
    return names[names != ""]


def counts(
    images: pd.DataFrame, rejected: pd.DataFrame, labelled: Labelled, duplicates: Duplicates, conflicts: pd.DataFrame
) -> dict[str, Any]:
    """Count what was found: every file is an image or rejected, every image labelled or not."""
    by_class = class_by_path(labelled.rows).value_counts().sort_index()
    return {
        "files": len(images) + len(rejected),
        "images": len(images),
        "bad": int((rejected["kind"] == "bad").sum()),
        "other": int((rejected["kind"] == "other").sum()),
        "labelled": len(labelled.rows),
        "unlabelled": len(labelled.unlabelled),
        "table_rows_without_image": len(labelled.orphans),
        "duplicates": {"exact": duplicates.exact, "near": duplicates.near, "comparisons_skipped": duplicates.skipped},
        "conflicting_duplicate_groups": int(conflicts["duplicate_group"].nunique()),
        "classes": {str(name): int(count) for name, count in by_class.items()},
    }


def warnings(
    images: pd.DataFrame,
    rejected: pd.DataFrame,
    labelled: Labelled,
    duplicates: Duplicates,
    conflicts: pd.DataFrame,
    report: Path,
) -> Iterator[str]:
    """Say what a person should look at; tables with all of it lie in the folder `report`."""
    yield from _file_warnings(images, rejected)
    yield from _copy_warnings(duplicates, conflicts, report)
    yield from labelled.warnings
    for first in labelled.unlabelled.head(1).itertuples():
        example = f"such as {first.path!r}, which {first.reason}; all are in {report / 'unlabelled.csv'}"
        yield f"{len(labelled.unlabelled)} pictures have no label, {example}"


def _copy_warnings(duplicates: Duplicates, conflicts: pd.DataFrame, report: Path) -> Iterator[str]:
    """Say when near copies take much of the set together, or copies have two labels, and which key decides."""
    images = len(duplicates.groups)
    if duplicates.near > MAX_COPIES * images:
        largest = np.bincount(duplicates.groups).max()
        yield (
            f"{duplicates.near} of {images} pictures look like another and stay in one split with it, up to {largest} "
            f"together, see {report / 'duplicates.csv'}: {KNOB}"
        )
    if len(conflicts):
        yield f"{len(conflicts)} copies have different labels, see {report / 'conflicts.csv'}: {KNOB}"


def _file_warnings(images: pd.DataFrame, rejected: pd.DataFrame) -> Iterator[str]:
    """Say which files should be images and cannot be used, a line a reason, and which are used though they are odd."""
    bad = rejected[rejected["kind"] == "bad"].rename(columns={"reason": "note"})
    odd = images[images["note"] != ""]
    for rows, what in ((bad, "should be a picture and cannot be used"), (odd, "is used, though odd")):
        alike = rows["note"].str.replace(r"\d+", "0", regex=True)
        for _, same in rows.groupby(alike, sort=True):
            names = ", ".join(map(repr, same["path"].head(MAX_NAMED)))
            more = f" and {len(same) - MAX_NAMED} more" if len(same) > MAX_NAMED else ""
            yield f"{names}{more}: {what}: {same['note'].iloc[0]}"


def save_samples(path: Path, root: Path, labels: pd.Series, depth: Depth) -> None:
    """Draw a few images below `root` of each class (`labels`: class by path), at random but the same on every run.

    The caption of one of more than eight bits has its darkest and its brightest value.
    """
    if labels.empty:
        return save_note(path, "no picture has a label yet")
    names = labels.value_counts().sort_index()
    shown = names.index if len(names) <= SAMPLE_CLASSES else names.index[:: -(-len(names) // SAMPLE_CLASSES)]
    tiles: list[Tile] = []
    for name in shown:
        generator = np.random.default_rng(derive(0, "samples", str(name)))
        paths = labels.index[labels == name].to_numpy()
        drawn = paths[generator.permutation(len(paths))[:SAMPLE_IMAGES]]
        tiles += [_sample(root / one, str(name), depth) for one in drawn]
        blank = np.full((SIDE, SIDE, 3), 255, dtype=np.uint8)
        tiles += [Tile(blank)] * (SAMPLE_IMAGES - len(drawn))  # each class has its row
    return save_sheet(path, tiles, columns=SAMPLE_IMAGES, side=SIDE)


def _sample(file: Path, label: str, depth: Depth) -> Tile:
    decoded = decode(file, SIDE, depth=depth)
    values = () if decoded.span is None else ("{:g} to {:g}".format(*decoded.span),)
    return Tile(Square(SIDE).of(decoded.image), (label, file.name, *values))


def save_counts(path: Path, labels: pd.Series) -> None:
    """Draw how many images each class has, the most frequent first."""
    counts = labels.value_counts().sort_index().sort_values(ascending=False, kind="stable")
    if len(counts) > MAX_BARS:
        counts = pd.concat([counts[: MAX_BARS // 2], counts[-MAX_BARS // 2 :]])
    figure = Figure(figsize=(7, 1.2 + 0.28 * len(counts)), layout="constrained")
    axes = figure.subplots()
    bars = axes.barh(range(len(counts)), counts.to_numpy(), color="#4a7ab5")
    axes.bar_label(bars, padding=3, fontsize=8)
    axes.set_yticks(range(len(counts)), plain([str(name) for name in counts.index]), fontsize=8)
    axes.invert_yaxis()
    axes.set_xlabel("images")
    axes.spines[["top", "right"]].set_visible(False)
    save_figure(figure, path)


def save_sizes(path: Path, images: pd.DataFrame) -> None:
    """Draw how wide and high the images are, as they stand upright: darker is more."""
    width, height = images["width"].to_numpy(dtype=np.float64), images["height"].to_numpy(dtype=np.float64)
    figure = Figure(figsize=(5.5, 4.6), layout="constrained")
    axes = figure.subplots()
    largest = max(width.max(), height.max()) * 1.05
    drawn = axes.hexbin(
        width, height, gridsize=30, extent=(0, largest, 0, largest), mincnt=1, cmap="viridis_r", norm=LogNorm()
    )
    figure.colorbar(drawn, ax=axes, label="images")
    axes.set(xlim=(0, largest), ylim=(0, largest), xlabel="width in pixels", ylabel="height in pixels", aspect="equal")
    save_figure(figure, path)
