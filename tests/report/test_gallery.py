"""The sample is drawn fairly, the worst mistakes come first."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from graft.augment.config import Augment
from graft.data.arrays import ImageRows
from graft.data.dataset import LabelledImages
from graft.render.sheets import Tile
from graft.report import gallery
from graft.tasks import MultiLabel, SingleLabel

NAMES = list("abcdefgh")
TASK = SingleLabel(["cat", "dog"])


@pytest.fixture
def pixels(tmp_path: Path) -> ImageRows:
    """Eight pictures, each of one value."""
    np.save(
        tmp_path / "pixels.npy", np.arange(8, dtype=np.uint8)[:, None, None, None] * np.ones((1, 4, 4, 3), np.uint8)
    )
    (tmp_path / "rows.csv").write_text("path\n" + "".join(f"pictures/{name}.jpg\n" for name in NAMES))
    return ImageRows(tmp_path / "pixels.npy")


@pytest.fixture
def tiles(monkeypatch: pytest.MonkeyPatch) -> dict[str, list[Tile]]:
    """What was drawn on each sheet."""
    drawn: dict[str, list[Tile]] = {}

    def keep(path: Path, tiles: list[Tile], columns: int, side: int) -> None:
        drawn[path.name] = tiles

    monkeypatch.setattr(gallery, "save_sheet", keep)
    return drawn


def predictions(loss: list[float]) -> pd.DataFrame:
    """Predictions of the eight pictures: the first half correct."""
    return pd.DataFrame(
        {
            "path": [f"pictures/{name}.jpg" for name in NAMES],
            "label": ["cat"] * 8,
            "predicted": ["cat"] * 4 + ["dog"] * 4,
            "loss": loss,
            "p_cat": [0.9] * 4 + [0.255] * 4,
            "p_dog": [0.1] * 4 + [0.745] * 4,
        }
    )


def names(tiles: list[Tile]) -> list[str]:
    """Last lines of the captions."""
    return [tile.lines[-1] for tile in tiles]


def test_the_worst_come_first_and_equals_by_path(
    tmp_path: Path, pixels: ImageRows, tiles: dict[str, list[Tile]]
) -> None:
    rows = predictions([0, 1, 5, 0, 5, 2, 0, 9])
    gallery.save_galleries(tmp_path, rows.iloc[::-1], pixels, TASK, 4)
    worst = tiles["top_losses.png"]
    assert names(worst) == ["h.jpg", "c.jpg", "e.jpg", "f.jpg"]  # c is correct
    assert [int(tile.pixels[0, 0, 0]) for tile in worst] == [7, 2, 4, 5]
    assert [tile.frame for tile in worst] == [gallery.RED, gallery.GREEN, gallery.RED, gallery.RED]
    assert [tile.lines[:2] for tile in worst[:2]] == [("dog / cat", "loss 9.00, 74%"), ("cat / cat", "loss 5.00, 90%")]


def test_where_all_are_correct_the_nine_least_sure_are_the_top_losses(
    tmp_path: Path, pixels: ImageRows, tiles: dict[str, list[Tile]]
) -> None:
    correct = predictions([0, 1, 5, 0, 5, 2, 0, 9]).head(4)
    many = pd.concat([correct.assign(loss=correct["loss"] + place) for place in range(5)])
    gallery.save_galleries(tmp_path, many, pixels, TASK, 12)
    assert len(tiles["top_losses.png"]) == 9
    assert tiles["top_losses.png"][0].lines == ("cat / cat", "loss 9.00, 90%", "c.jpg")
    assert len(tiles["least_sure.png"]) == 12


def test_the_most_and_the_least_confident_are_correct(
    tmp_path: Path, pixels: ImageRows, tiles: dict[str, list[Tile]]
) -> None:
    rows = predictions([0.3, 0.1, 0.3, 0.2, 9, 0, 0, 0])
    gallery.save_galleries(tmp_path, rows.iloc[::-1], pixels, TASK, 3)
    assert names(tiles["surest.png"]) == ["b.jpg", "d.jpg", "a.jpg"]
    assert names(tiles["least_sure.png"]) == ["a.jpg", "c.jpg", "d.jpg"]
    gallery.save_galleries(tmp_path, rows, pixels, TASK, 50)
    assert [tile.frame for tile in tiles["surest.png"]] == [gallery.GREEN] * 4


def test_captions_say_what_was_predicted_and_what_is_true(
    tmp_path: Path, pixels: ImageRows, tiles: dict[str, list[Tile]]
) -> None:
    gallery.save_galleries(tmp_path, predictions([0.0] * 8), pixels, TASK, 8)
    drawn = {tile.lines[-1]: tile for tile in tiles["sample.png"]}
    assert sorted(drawn) == [f"{name}.jpg" for name in NAMES]
    assert drawn["a.jpg"].lines == ("cat 90%", "correct", "a.jpg")
    assert drawn["e.jpg"].lines == ("dog 74%", "is cat", "e.jpg")
    assert [drawn[name].frame for name in ("a.jpg", "e.jpg")] == [gallery.GREEN, gallery.RED]


def test_captions_of_several_labels(tmp_path: Path, pixels: ImageRows, tiles: dict[str, list[Tile]]) -> None:
    rows = predictions([9, 8, 7, 6, 0, 0, 0, 0])
    rows["label"] = ["cat|dog", "cat", "", ""] + ["cat"] * 4
    rows["predicted"] = ["cat|dog", "", "cat", ""] + ["cat"] * 4
    gallery.save_galleries(tmp_path, rows, pixels, MultiLabel(["cat", "dog"]), 8)
    drawn = sorted(tiles["sample.png"], key=lambda tile: tile.lines[-1])
    assert [tile.lines[:2] for tile in drawn[:4]] == [
        ("cat 90%, dog 10%", "correct"),
        ("no class", "is cat"),
        ("cat 90%", "is no class"),
        ("no class", "correct"),
    ]
    assert [tile.lines[:2] for tile in tiles["top_losses.png"][:3]] == [
        ("cat, dog / cat, dog", "loss 9.00, 90%, 10%"),
        ("no class / cat", "loss 8.00"),
        ("cat / no class", "loss 7.00, 90%"),
    ]


def test_the_sample_is_the_same_each_time_and_has_no_image_twice(
    tmp_path: Path, pixels: ImageRows, tiles: dict[str, list[Tile]]
) -> None:
    drawn = []
    for _ in range(2):
        gallery.save_galleries(tmp_path, predictions([0.0] * 8), pixels, TASK, 5)
        drawn.append(names(tiles["sample.png"]))
    assert drawn[0] == drawn[1]
    assert len(set(drawn[0])) == 5
    assert drawn[0] != [f"{name}.jpg" for name in NAMES[:5]]


@pytest.mark.parametrize("kept", [slice(4), slice(4, 8)], ids=["nothing wrong", "nothing correct"])
def test_sheets_are_written_even_where_no_image_belongs_on_them(tmp_path: Path, pixels: ImageRows, kept: slice) -> None:
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        gallery.save_galleries(tmp_path / name, predictions([0.0] * 8).iloc[kept], pixels, TASK, 3)
    for name in ("sample.png", "top_losses.png", "surest.png", "least_sure.png"):
        assert (tmp_path / "one" / name).read_bytes().startswith(b"\x89PNG")
        assert (tmp_path / "one" / name).read_bytes() == (tmp_path / "two" / name).read_bytes()


def test_augmentations_are_drawn_the_same_each_time(tmp_path: Path, pixels: ImageRows) -> None:
    train = LabelledImages(pixels, np.arange(8), np.zeros(8, dtype=np.int64))
    drawn = []
    for seed in (0, 0, 1):
        gallery.save_augmented(tmp_path / "a.png", train, Augment(strength="strong"), 16, seed)
        drawn.append((tmp_path / "a.png").read_bytes())
    assert drawn[0] == drawn[1] != drawn[2]
