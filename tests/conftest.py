"""Small generated pictures that tests share."""

from collections.abc import Callable

import numpy as np
import pytest
from PIL import Image

Draw = Callable[[int, int, int], Image.Image]


@pytest.fixture(scope="session")
def draw() -> Draw:
    """Draw an RGB picture, smooth enough for JPEG, from a seed, a width and a height."""

    def drawn(seed: int, width: int, height: int) -> Image.Image:
        coarse = np.random.default_rng(seed).integers(0, 256, (4, 4, 3), dtype=np.uint8)
        return Image.fromarray(coarse).resize((width, height), Image.Resampling.BICUBIC)

    return drawn
