"""Sheets of test pictures: a fair sample, and the mistakes that cost most."""

from pathlib import Path

import numpy as np
import pandas as pd

from graft.images.rows import PictureRows
from graft.model.task import Task
from graft.seeds import derive
from graft.sheet import Tile, save_sheet

GREEN, RED = (46, 125, 50), (198, 40, 40)
NOTHING = "no class"


def save_sample(
    path: Path, predictions: pd.DataFrame, pixels: PictureRows, task: Task, count: int, seed: int = 0
) -> None:
    """Draw a random sample of the split, right and wrong as they come."""
    generator = np.random.default_rng(derive(seed, "gallery"))
    chosen = generator.permutation(len(predictions))[:count]
    _save(path, predictions.iloc[chosen], pixels, task)


def save_top_losses(path: Path, predictions: pd.DataFrame, pixels: PictureRows, task: Task, count: int) -> None:
    """Draw the pictures with the highest loss, the worst first."""
    worst = predictions.sort_values(["loss", "path"], ascending=[False, True], kind="stable")
    _save(path, worst.head(count), pixels, task)


def _save(path: Path, rows: pd.DataFrame, pixels: PictureRows, task: Task) -> None:
    tiles: list[Tile] = []
    shown = pixels.read(pixels.find(rows["path"].tolist()))
    for picture, (_, row) in zip(shown, rows.iterrows(), strict=True):
        right = row["label"] == row["predicted"]
        said = ", ".join(f"{name} {row['p_' + name]:.0%}" for name in task.names(row["predicted"])) or NOTHING
        true = ", ".join(task.names(row["label"])) or NOTHING
        lines = (said, "right" if right else f"is {true}", Path(row["path"]).name)
        tiles.append(Tile(picture, lines, GREEN if right else RED))
    save_sheet(path, tiles, columns=6, side=144)
