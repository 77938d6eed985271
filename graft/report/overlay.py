"""A sheet of the costliest answers, each picture beside what the network looks at."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from matplotlib import colormaps
from numpy.typing import NDArray

from graft.data.arrays import ImageRows
from graft.network.network import Network
from graft.network.resample import sample
from graft.render.sheets import Tile, save_sheet
from graft.report.gallery import GREEN, RED, caption, worst_first
from graft.report.heat_maps import BATCH, Read, heat_maps, read_layers
from graft.tasks import Task

BANDS = 5
"""Heat is shown in steps: their edges can be seen on any picture, and what lies in the lowest stays clear."""
COLOURS = "plasma"
OPAQUE = 0.55
"""How much of the picture the hottest band covers; the coldest covers nothing."""
QUESTIONS = 2
"""Classes asked about each picture."""
GREY = (90, 90, 96)
STATUS = {
    (True, True): ("right", GREEN),
    (True, False): ("wrong", RED),
    (False, True): ("missed", RED),
    (False, False): ("not predicted", GREY),
}
"""What is said of a class, by whether it is predicted and whether it is true."""


@dataclass(frozen=True, slots=True)
class Question:
    """A class that a picture is asked about: its place and probability, whether predicted, whether true."""

    place: int
    probability: float
    predicted: bool
    true: bool


def save_cams(
    path: Path,
    predictions: pd.DataFrame,
    pixels: ImageRows,
    network: Network,
    task: Task,
    count: int,
) -> None:
    """Draw the pictures with the highest loss, each beside its heat maps for two classes.

    The classes are the predicted and the true one; of a picture that is right, the predicted and the
    runner-up; of several labels, the two most probable ones that are wrong or missed, then others.

    Args:
        predictions: as `graft.evaluate.predictions.table` makes them.
        pixels: the presized pictures.
        network: in evaluation mode; it is left as it was.
        count: pictures to draw.
    """
    rows = worst_first(predictions).head(count)
    tiles: list[Tile] = []
    reads: list[Read] = []
    for start in range(0, len(rows), BATCH):
        some = rows.iloc[start : start + BATCH]
        views = sample(torch.from_numpy(pixels.read(pixels.find(some["path"].tolist()))), network.view)
        asked = [questions(row, task) for _, row in some.iterrows()]
        reads = reads or read_layers(network, views)
        maps = [
            heat_maps(network, views, torch.tensor([questions[place].place for questions in asked]), reads).numpy()
            for place in range(len(asked[0]))
        ]
        for number, (_, row) in enumerate(some.iterrows()):
            image = (views[number].permute(1, 2, 0) * 255).round().to(torch.uint8).numpy()
            tiles.append(Tile(image, *caption(row, task)))
            tiles += [_tile(image, heat[number], asked[number][place], task) for place, heat in enumerate(maps)]
    # a palette would be used up by the pictures, and the hottest bands lost
    save_sheet(path, tiles, columns=2 * (1 + min(QUESTIONS, len(task.classes))), side=144, palette=False)


def questions(row: pd.Series, task: Task) -> list[Question]:
    """Choose the classes to ask one picture about: mistakes first, then the most probable."""
    said, true = set(task.parse_labels(row["predicted"])), set(task.parse_labels(row["label"]))
    every = [
        Question(place, float(row[f"p_{name}"]), name in said, name in true) for place, name in enumerate(task.classes)
    ]
    return sorted(every, key=lambda one: (one.predicted == one.true, -one.probability, one.place))[:QUESTIONS]


def overlay(image: NDArray[np.uint8], heat: NDArray[np.float32]) -> NDArray[np.uint8]:
    """Lay bands of heat over a picture, whose colours are taken out so that the bands' can be told from them.

    Args:
        picture: `[H, W, 3]`, uint8, RGB.
        heat: `[H, W]`, float in [0, 1]; in the lowest fifth only the grey picture shows.

    Returns:
        `[H, W, 3]`, uint8, RGB.
    """
    grey = image.astype(np.float32).mean(2, keepdims=True)
    band = np.minimum(np.floor(heat * BANDS), BANDS - 1)
    colour = colormaps[COLOURS](band / (BANDS - 1))[..., :3].astype(np.float32) * 255
    covered = np.where(band > 0, OPAQUE * (0.4 + 0.6 * band / (BANDS - 1)), 0)[..., None]
    laid: NDArray[np.uint8] = (grey * (1 - covered) + colour * covered).round().astype(np.uint8)
    return laid


def _tile(image: NDArray[np.uint8], heat: NDArray[np.float32], asked: Question, task: Task) -> Tile:
    status, frame = STATUS[asked.predicted, asked.true]
    nothing = () if heat.any() else ("no place speaks for it",)
    said = f"{task.classes[asked.place]} {asked.probability:.0%}"
    return Tile(overlay(image, heat), (said, status, *nothing), frame)
