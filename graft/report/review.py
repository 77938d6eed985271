"""review.csv: what a person should look at again, and a sheet of it."""

from pathlib import Path

import numpy as np
import pandas as pd

from graft.data.arrays import Embeddings, ImageRows
from graft.data.dataset import SPLITS, Dataset
from graft.render.sheets import Tile, save_sheet
from graft.report.gallery import NOTHING
from graft.report.label_errors import out_of_fold, suspects
from graft.report.neighbours import Standardised, near_duplicates, outliers
from graft.tasks import Task

COLUMNS = ["rank", "path", "kind", "label", "suggested", "score", "other", "split"]

KINDS = {
    "label": ("doubtful", (198, 40, 40)),
    "near_duplicate": ("alike", (180, 110, 20)),
    "outlier": ("unusual", (70, 90, 160)),
}
"""Kinds in the order of the table: what a caption calls them, and the colour of their frame."""


def review(
    dataset: Dataset, copies: pd.Series, embeddings: Embeddings, task: Task, l2: float | None, count: int
) -> pd.DataFrame:
    """List what is probably wrong with the pictures of train, valid and test, kind by kind, the worst first.

    Args:
        copies: duplicate group of every row of `dataset`.
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
    probabilities = out_of_fold(dataset, copies, embeddings, task, l2)
    found = {
        "label": suspects(paths, dataset.targets(*SPLITS), probabilities, task),
        "near_duplicate": near_duplicates(rows, copies[used], features),
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


def save_review(path: Path, table: pd.DataFrame, pixels: ImageRows, task: Task, count: int) -> None:
    """Draw the first rows of every kind, each with its label and what is suggested; a partner follows its picture.

    Args:
        table: what `review` returned.
        count: most pictures on the sheet.
    """
    share = max(2, count // max(1, table["kind"].nunique()))
    of_kind = table.groupby("kind", sort=False).cumcount()
    tiles: list[Tile] = []
    for _, row in table[of_kind < np.where(table["other"] == "", share, share // 2)].iterrows():
        called, colour = KINDS[row["kind"]]
        names = [row["label"]] + [row["suggested"]] * bool(row["suggested"] or row["kind"] == "label")
        change = " -> ".join(", ".join(task.parse_labels(name)) or NOTHING for name in names)
        lines = (change, f"{called} {row['score']:.2f}, {row['split']}", Path(row["path"]).name)
        tiles.append(Tile(pixels.read(pixels.find([row["path"]]))[0], lines, colour))
        if row["other"]:
            lines = ("its near duplicate", "", Path(row["other"]).name)
            tiles.append(Tile(pixels.read(pixels.find([row["other"]]))[0], lines, colour))
    save_sheet(path, tiles[:count], columns=6, side=144)
