"""Pictures for the ranges are drawn alike each time."""

from pathlib import Path

import numpy as np
import pytest

from graft.data.arrays import ImageRows
from graft.export.int8 import drawn


@pytest.fixture
def pixels(tmp_path: Path) -> ImageRows:
    """Sixty pictures, each of one shade of its own."""
    np.save(tmp_path / "pixels.npy", np.broadcast_to(np.arange(60, dtype=np.uint8)[:, None, None, None], (60, 2, 2, 3)))
    (tmp_path / "rows.csv").write_text("path\n" + "".join(f"{number}\n" for number in range(60)))
    return ImageRows(tmp_path / "pixels.npy")


def shades(pixels: ImageRows, rows: np.ndarray, count: int) -> list[int]:
    """Which pictures were drawn."""
    batches = list(drawn(pixels, rows, count))
    assert all(len(batch) <= 16 for batch in batches)
    return [int(image[0, 0, 0]) for batch in batches for image in batch]


def test_drawn_among_the_rows_and_no_more_than_there_are(pixels: ImageRows) -> None:
    rows = np.arange(0, 60, 2)
    some = shades(pixels, rows, 20)
    assert some == shades(pixels, rows, 20) == sorted(set(some))
    assert len(some) == 20
    assert set(some) < set(rows.tolist())
    assert shades(pixels, rows, 1000) == rows.tolist()
