"""What each random change of the augmentation does to an image, one tile each, then all of them together."""

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from graft.augment.augment import augment
from graft.augment.config import Augment
from graft.core.seeds import derive
from graft.data.dataset import LabelledImages
from graft.render.sheets import Tile

STILL = Augment(strength="none", flip="none", p=1.0)
"""No change at all; a change that is then given is one that every image gets."""
DRAWS = 8
"""Random draws of a single change, of which the one that changes most is shown."""


@dataclass(frozen=True, slots=True)
class Transform:
    """A random change: its key in the section `augment`, and how its largest value reads."""

    key: str
    said: str

    def alone(self, config: Augment) -> Augment | None:
        """The augmentation with this change only, for every image; None where it is off."""
        value = getattr(config, self.key)
        crops_instead = self.key == "zoom" and config.min_scale < 1
        if crops_instead or value == getattr(STILL, self.key):
            return None
        return STILL.model_copy(update={self.key: 1.0 if self.key == "erase" else value})


TRANSFORMS = {
    "crop": Transform("min_scale", "keeps {:.0%} or more"),
    "zoom": Transform("zoom", "up to {:g} times"),
    "flip": Transform("flip", "{}"),
    "rotate": Transform("rotate", "up to {:g} degrees"),
    "warp": Transform("warp", "up to {:g}"),
    "lighting": Transform("lighting", "up to {:g}"),
    "erase": Transform("erase", "{:.0%} of images"),
}


def transform_tiles(images: LabelledImages, position: int, config: Augment, size: int, seed: int) -> list[Tile]:
    """Draw one image through every change alone, the strongest of a few draws, then through all as training draws them.

    Args:
        position: of the image.
        size: side of the views in pixels.
        seed: root of the draws.

    Returns:
        A tile for the presized square, one for each of `TRANSFORMS`, faded where it is off, and one for all together.
    """
    positions = np.repeat(position, DRAWS)
    pixels, _ = images.batch(positions, torch.device("cpu"))  # [DRAWS, S, S, 3]
    aspects = images.squeezed(positions)

    def views(chosen: Augment, name: str) -> torch.Tensor:
        return augment(pixels, chosen, size, derive(seed, "show", name, position), aspects)

    still = views(STILL, "resize")
    tiles = [Tile(pixels[0].numpy(), ("resize", f"{pixels.shape[1]} x {pixels.shape[1]}"))]
    for name, transform in TRANSFORMS.items():
        alone = transform.alone(config)
        if alone is None:
            tiles.append(Tile(as_pixels(1 - (1 - still[0]) / 4), (name, "off")))
            continue
        drawn = views(alone, name)
        strongest = int((drawn - still).abs().mean((1, 2, 3)).argmax())
        tiles.append(Tile(as_pixels(drawn[strongest]), (name, transform.said.format(getattr(config, transform.key)))))
    return [*tiles, Tile(as_pixels(views(config, "composed")[0]), ("composed", f"{size} x {size}"))]


def as_pixels(image: torch.Tensor) -> NDArray[np.uint8]:
    """An image `[3, H, W]` in [0, 1] as pixels `[H, W, 3]`."""
    drawn: NDArray[np.uint8] = (image * 255).round().byte().permute(1, 2, 0).numpy()
    return drawn
