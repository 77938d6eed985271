"""The stages on files, with boxes of a table as rows: index, split and presize, and the predictor on the same names."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from graft.core import params
from graft.data.arrays import ImageRows
from graft.images.decode import Square
from graft.predict.predictor import pixels_of
from graft.predict.regions import find_regions
from stages import index, presize, split
from stages.runtime import Run

VALUES: dict[str, Any] = {
    "labels": {"rule": "regions"},
    "index": {"regions": {"file": "boxes.csv", "margin": 0.1}, "near_duplicates": "off"},
    "split": {"by": "random", "test": 0.3, "valid": 0.3},
    "presize": {"size": 16},
}


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Twelve images with three boxes each, the last of the first image a copy of one in the second."""
    monkeypatch.chdir(tmp_path)
    generator = np.random.default_rng(0)
    Path("data/raw/scenes").mkdir(parents=True)
    scenes = generator.integers(0, 256, (12, 40, 150, 3), dtype=np.uint8)
    scenes[1, :, 100:] = scenes[0, :, 100:]
    for number, scene in enumerate(scenes):
        Image.fromarray(scene).save(f"data/raw/scenes/{number}.png")
    boxes = [(f"scenes/{number}.png", 10 + 50 * k, 10, 20, 20, "ab"[k % 2]) for number in range(12) for k in range(3)]
    pd.DataFrame(boxes, columns=["path", "x", "y", "w", "h", "label"]).to_csv("data/raw/boxes.csv", index=False)
    given = SimpleNamespace(
        params=lambda key, kind: params.check(key, kind, VALUES[key]),
        unfinished=lambda *_: Path("unfinished"),
        written=lambda path: path,
        log=lambda _: None,
    )
    Path("corrections.csv").write_text("path,label,note\n")
    return cast(Run, given)


def test_boxes_go_from_the_table_to_pixels_and_images_stay_whole(run: Run) -> None:
    index.main(run)
    split.main(run)
    presize.main(run)
    rows = pd.read_csv("data/split.csv").merge(pd.read_csv("data/labels.csv"))
    assert len(rows) == 36
    assert rows["path"].str.match(r"scenes/\d+\.png#24x24\+\d+\+8").all()
    assert (rows.groupby("group")["split"].nunique() == 1).all()
    assert (rows["group"] == rows["path"].str.partition("#")[0]).all()
    both = rows[rows["group"].isin(["scenes/0.png", "scenes/1.png"])]
    assert both["split"].nunique() == 1  # a copy ties the two
    copies = pd.read_csv("reports/index/duplicates.csv")
    assert copies["path"].tolist() == [f"scenes/{number}.png#24x24+108+8" for number in (0, 1)]

    pixels, square, root = ImageRows(Path("data/presized/pixels.npy")), Square(16), Path("data/raw")
    find = find_regions("data/raw/boxes.csv", margin=0.1)
    for number in range(12):
        with Image.open(root / f"scenes/{number}.png") as image:
            crops = find(f"scenes/{number}.png", image)
        names = [f"scenes/{number}.png#24x24+{8 + 50 * k}+8" for k in range(3)]
        cached = pixels.read(pixels.find(names))
        np.testing.assert_array_equal(cached, np.stack([square.of(crop) for _, crop in crops]))
        np.testing.assert_array_equal(cached, np.stack([pixels_of(root / name, square) for name in names]))
