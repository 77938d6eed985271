"""What the benchmark of the eight-bit model writes."""

import numpy as np
import pandas as pd
import pytest

from benchmarks.int8 import classify, table
from graft.data.arrays import ImageRows


class Counting:
    """Answers with the brightness of each image."""

    def run(self, pixels: np.ndarray) -> np.ndarray:
        return np.asarray(pixels.mean((1, 2, 3))[:, None], dtype=np.float32)


def test_every_image_is_answered_in_order(tmp_path_factory: pytest.TempPathFactory) -> None:
    folder = tmp_path_factory.mktemp("pixels")
    np.save(folder / "pixels.npy", np.broadcast_to(np.arange(40, dtype=np.uint8)[:, None, None, None], (40, 2, 2, 3)))
    pd.DataFrame({"path": [str(number) for number in range(40)]}).to_csv(folder / "rows.csv", index=False)
    probabilities, speed = classify(Counting(), ImageRows(folder / "pixels.npy"), np.arange(5, 40))  # type: ignore[arg-type]
    assert probabilities[:, 0].tolist() == list(range(5, 40))
    assert speed > 0


def test_table() -> None:
    row = {"accuracy": 0.75, "mismatches": 3, "images": 40, "images_per_second": 99.6, "megabytes": 3.4}
    assert table({"int8": row}).splitlines()[-1] == "| int8 | 75.0% | 3 of 40 | 100 | 3.4 |"
