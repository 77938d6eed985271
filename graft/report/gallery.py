"""Sheets of test pictures: a fair sample, the mistakes that cost most, and the surest and least sure right answers."""

from pathlib import Path

import numpy as np
import pandas as pd

from graft.core.seeds import derive
from graft.data.arrays import ImageRows
from graft.render.sheets import Tile, save_note, save_sheet
from graft.tasks import Task

GREEN, RED = (46, 125, 50), (198, 40, 40)
NOTHING = "no class"


def save_sample(path: Path, predictions: pd.DataFrame, pixels: ImageRows, task: Task, count: int) -> None:
    """Draw a random sample of the split, right and wrong as they come."""
    generator = np.random.default_rng(derive(0, "gallery"))
    chosen = generator.permutation(len(predictions))[:count]
    _save(path, predictions.iloc[chosen], pixels, task)


def save_top_losses(path: Path, predictions: pd.DataFrame, pixels: ImageRows, task: Task, count: int) -> None:
    """Draw the mistakes with the highest loss, the worst first."""
    wrong = predictions[predictions["label"] != predictions["predicted"]]
    _save(path, worst_first(wrong).head(count), pixels, task)


def save_surest(path: Path, predictions: pd.DataFrame, pixels: ImageRows, task: Task, count: int) -> None:
    """Draw the right answers with the lowest loss, the surest first."""
    right = predictions[predictions["label"] == predictions["predicted"]]
    surest = right.sort_values(["loss", "path"], kind="stable")
    _save(path, surest.head(count), pixels, task)


def save_least_sure(path: Path, predictions: pd.DataFrame, pixels: ImageRows, task: Task, count: int) -> None:
    """Draw the right answers with the highest loss, the closest call first."""
    right = predictions[predictions["label"] == predictions["predicted"]]
    _save(path, worst_first(right).head(count), pixels, task)


def worst_first(predictions: pd.DataFrame) -> pd.DataFrame:
    """Predictions by falling loss, equal ones by path."""
    return predictions.sort_values(["loss", "path"], ascending=[False, True], kind="stable")


def caption(row: pd.Series, task: Task) -> tuple[tuple[str, ...], tuple[int, int, int]]:
    """What is written under a picture, and the colour of its frame."""
    right = row["label"] == row["predicted"]
    said = ", ".join(f"{name} {row['p_' + name]:.0%}" for name in task.parse_labels(row["predicted"])) or NOTHING
    true = ", ".join(task.parse_labels(row["label"])) or NOTHING
    return (said, "right" if right else f"is {true}", Path(row["path"]).name), GREEN if right else RED


def _save(path: Path, rows: pd.DataFrame, pixels: ImageRows, task: Task) -> None:
    if rows.empty:
        return save_note(path, "no such picture")
    shown = pixels.read(pixels.find(rows["path"].tolist()))
    tiles = [Tile(image, *caption(row, task)) for image, (_, row) in zip(shown, rows.iterrows(), strict=True)]
    return save_sheet(path, tiles, columns=6, side=144)
