"""What training sees: pictures through the augmentations, drawn by the very same code."""

from pathlib import Path

import numpy as np
import torch

from graft.augment.augment import augment
from graft.augment.config import Augment
from graft.core.seeds import derive
from graft.data.dataset import LabelledImages
from graft.render.sheets import Tile, save_sheet

VARIANTS = 7


def save_augmented(path: Path, train: LabelledImages, config: Augment, size: int, seed: int, count: int = 4) -> None:
    """Draw some training pictures, each followed by random views of it.

    Args:
        size: side of the views, as in training.
        count: how many pictures, spread evenly over the split.
    """
    places = np.unique(np.linspace(0, len(train) - 1, count).round().astype(np.int64))
    pixels, _ = train.batch(places, torch.device("cpu"))
    repeated, aspects = pixels.repeat_interleave(VARIANTS, dim=0), train.squeezed(places.repeat(VARIANTS))
    views = augment(repeated, config, size, derive(seed, "augment", "sheet"), aspects)
    drawn = (views * 255).round().byte().permute(0, 2, 3, 1).numpy()
    tiles: list[Tile] = []
    for number, original in enumerate(pixels.numpy()):
        tiles += [Tile(original, ("as presized",))]
        tiles += [Tile(view, ("augmented",)) for view in drawn[number * VARIANTS : (number + 1) * VARIANTS]]
    save_sheet(path, tiles, columns=VARIANTS + 1, side=128)
