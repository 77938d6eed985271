"""A tiny network and a few pictures that it can tell apart."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from graft.data.arrays import ImageRows
from graft.data.dataset import LabelledImages
from graft.network.features import Features
from graft.network.head import Head
from graft.network.network import Network
from tests.network.tiny_network import TINY, tiny_body

DESCRIPTION = TINY.model_copy(update={"classes": ["dark", "light"]})


@pytest.fixture
def network() -> Network:
    """A folded tiny network with weights made on the spot."""
    body = tiny_body()
    return Network(Features(body, [], ["mean"]), Head(256, 2), DESCRIPTION).eval()


@pytest.fixture
def images(tmp_path: Path) -> LabelledImages:
    """Sixteen pictures, dark and light in turn."""
    generator = np.random.default_rng(0)
    targets = np.arange(16) % 2
    pixels = generator.integers(0, 120, (16, 32, 32, 3)) + 130 * targets[:, None, None, None]
    np.save(tmp_path / "pixels.npy", pixels.astype(np.uint8))
    pd.DataFrame({"path": [f"{number:02}.png" for number in range(16)]}).to_csv(tmp_path / "rows.csv", index=False)
    return LabelledImages(ImageRows(tmp_path / "pixels.npy"), np.arange(16), targets.astype(np.int64))
