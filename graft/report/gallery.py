"""Sheets of images: a fair sample, top losses, confident and unsure answers, augmentations."""

from pathlib import Path

import numpy as np
import pandas as pd
import torch

from graft.augment.augment import augment
from graft.augment.config import Augment
from graft.core.seeds import derive
from graft.data.arrays import ImageRows
from graft.data.dataset import LabelledImages
from graft.evaluate.evaluation import metrics_of, read_predictions
from graft.render.sheets import Tile, save_note, save_sheet
from graft.report.plots import save_confusion
from graft.tasks import Task

GREEN, RED = (46, 125, 50), (198, 40, 40)
NO_CLASS = "no class"
LEAST_SURE = 9
"""Top losses that are shown where every answer is correct."""
AUGMENTED, VARIANTS = 4, 7
"""Training images on the sheet of augmentations, and random views of each."""


def save_interpretation(folder: Path, evaluated: Path, pixels: ImageRows, task: Task, count: int) -> None:
    """Write the galleries and ``confusion.png`` of test, and those of valid into a folder within if it was evaluated.

    Args:
        evaluated: what `evaluate` wrote.
        count: most images on a sheet.
    """
    for place, answers in ((folder, evaluated), (folder / "valid", evaluated / "valid")):
        if answers.is_dir():
            place.mkdir(exist_ok=True)
            predictions = read_predictions(answers)
            save_galleries(place, predictions, pixels, task, count)
            save_confusion(place / "confusion.png", metrics_of(task).confusion(predictions), task.classes)


def save_galleries(folder: Path, predictions: pd.DataFrame, pixels: ImageRows, task: Task, count: int) -> None:
    """Write four sheets of at most `count` images of a split, from ``predictions`` as `evaluate` wrote them.

    ``sample.png``: drawn at random, correct and wrong as they come. ``top_losses.png``: the highest losses first,
    of correct answers too; nine where all are correct. ``surest.png`` and ``least_sure.png``: the correct answers with
    the lowest loss, and with the highest.
    """
    correct = predictions["label"] == predictions["predicted"]
    shuffled = np.random.default_rng(derive(0, "gallery")).permutation(len(predictions))
    sheets = {
        "sample.png": predictions.iloc[shuffled],
        "top_losses.png": worst_first(predictions).head(LEAST_SURE if correct.all() else count),
        "surest.png": predictions[correct].sort_values(["loss", "path"], kind="stable"),
        "least_sure.png": worst_first(predictions[correct]),
    }
    for name, rows in sheets.items():
        chosen, captioned = rows.head(count), loss_caption if name == "top_losses.png" else caption
        if chosen.empty:
            save_note(folder / name, "no such image")
            continue
        images = pixels.read(pixels.find(chosen["path"].tolist()))
        tiles = [Tile(image, *captioned(row, task)) for image, (_, row) in zip(images, chosen.iterrows(), strict=True)]
        save_sheet(folder / name, tiles, columns=6, side=144)


def worst_first(predictions: pd.DataFrame) -> pd.DataFrame:
    """Predictions by falling loss, equal ones by path."""
    return predictions.sort_values(["loss", "path"], ascending=[False, True], kind="stable")


def caption(row: pd.Series, task: Task) -> tuple[tuple[str, ...], tuple[int, int, int]]:
    """What is written under an image, and the colour of its frame."""
    correct = row["label"] == row["predicted"]
    answer = ", ".join(f"{name} {row['p_' + name]:.0%}" for name in task.parse_labels(row["predicted"])) or NO_CLASS
    truth = ", ".join(task.parse_labels(row["label"])) or NO_CLASS
    lines = (answer, "correct" if correct else f"is {truth}", Path(row["path"]).name)
    return lines, GREEN if correct else RED


def loss_caption(row: pd.Series, task: Task) -> tuple[tuple[str, ...], tuple[int, int, int]]:
    """Prediction / what is true, loss, and the probability of the prediction, and the colour of the frame.

    Source: ClassificationInterpretation.plot_top_losses of fastai 2, https://docs.fast.ai/interpret.html
    """
    predicted, actual = (task.parse_labels(row[column]) for column in ("predicted", "label"))
    named = " / ".join(", ".join(names) or NO_CLASS for names in (predicted, actual))
    probability = ", ".join(f"{row['p_' + name]:.0%}" for name in predicted)
    lines = (named, f"loss {row['loss']:.2f}" + f", {probability}" * bool(predicted), Path(row["path"]).name)
    return lines, GREEN if row["label"] == row["predicted"] else RED


def save_augmented(path: Path, train: LabelledImages, config: Augment, size: int, seed: int) -> None:
    """Draw some training images, each followed by random views of it as training sees them, by the very same code.

    Args:
        size: side of the views in pixels.
    """
    positions = np.unique(np.linspace(0, len(train) - 1, AUGMENTED).round().astype(np.int64))
    pixels, _ = train.batch(positions, torch.device("cpu"))
    repeated, aspects = pixels.repeat_interleave(VARIANTS, dim=0), train.squeezed(positions.repeat(VARIANTS))
    views = augment(repeated, config, size, derive(seed, "augment", "sheet"), aspects)
    drawn = (views * 255).round().byte().permute(0, 2, 3, 1).numpy()
    tiles: list[Tile] = []
    for number, original in enumerate(pixels.numpy()):
        tiles += [Tile(original, ("as presized",))]
        tiles += [Tile(view, ("augmented",)) for view in drawn[number * VARIANTS : (number + 1) * VARIANTS]]
    save_sheet(path, tiles, columns=VARIANTS + 1, side=128)
