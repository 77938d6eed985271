"""Pictures of the dataset are drawn, whatever it holds, and the same on every run."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from graft.index.plots import CLASSES, EACH, save_counts, save_samples, save_sizes

Draw = Callable[[int, int, int], Image.Image]


def labelled(root: Path, draw: Draw, classes: int, each: int) -> pd.Series:
    """Pictures of some classes; their labels by path."""
    labels = {}
    for number in range(classes * each):
        name = f"{number:03}.png"
        draw(number, 20, 30).save(root / name)
        labels[name] = f"class $a_{number % classes:02}$"
    return pd.Series(labels)


@pytest.mark.parametrize(("classes", "rows"), [(2, 2), (CLASSES, CLASSES), (2 * CLASSES + 1, 6)])
def test_each_class_has_a_row_of_samples_up_to_a_number(tmp_path: Path, draw: Draw, classes: int, rows: int) -> None:
    save_samples(tmp_path / "out.png", tmp_path, labelled(tmp_path, draw, classes, 2))
    with Image.open(tmp_path / "out.png") as sheet:
        width, height = sheet.size
    assert height / rows == pytest.approx(width / EACH * 1.27, rel=0.1)


def test_what_is_drawn_is_the_same_on_every_run(tmp_path: Path, draw: Draw) -> None:
    labels = labelled(tmp_path, draw, 3, 9)
    images = pd.DataFrame({"width": [20, 30, 4000], "height": [30, 20, 3000]})
    for number in (1, 2):
        save_samples(tmp_path / f"{number}-samples", tmp_path, labels)
        save_counts(tmp_path / f"{number}-counts", labels)
        save_sizes(tmp_path / f"{number}-sizes", images)
    for kind in ("samples", "counts", "sizes"):
        assert (tmp_path / f"1-{kind}").read_bytes() == (tmp_path / f"2-{kind}").read_bytes()


def test_many_classes_are_drawn_as_the_largest_and_the_smallest(tmp_path: Path) -> None:
    labels = pd.Series([f"class {number}" for number in range(300) for _ in range(1 + number % 7)])
    save_counts(tmp_path / "many.png", labels)
    with Image.open(tmp_path / "many.png") as drawn:
        assert drawn.height < 2000


def test_sizes_of_one_image(tmp_path: Path) -> None:
    save_sizes(tmp_path / "one.png", pd.DataFrame({"width": [1], "height": [1]}))
    with Image.open(tmp_path / "one.png") as drawn:
        assert np.asarray(drawn).std() > 0
