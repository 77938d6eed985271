"""The sample is drawn fairly, the worst mistakes come first."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from graft.data.arrays import ImageRows
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
def tiles(monkeypatch: pytest.MonkeyPatch) -> list[Tile]:
    """What was last laid on a sheet."""
    laid: list[Tile] = []

    def keep(path: Path, tiles: list[Tile], columns: int, side: int) -> None:
        laid[:] = tiles

    monkeypatch.setattr(gallery, "save_sheet", keep)
    return laid


def predictions(loss: list[float]) -> pd.DataFrame:
    """Predictions of the eight pictures: the first half right."""
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


def test_the_worst_come_first_and_equals_by_path(tmp_path: Path, pixels: ImageRows, tiles: list[Tile]) -> None:
    told = predictions([0, 1, 5, 0, 5, 2, 0, 9])
    gallery.save_top_losses(tmp_path / "t.png", told.iloc[::-1], pixels, TASK, 4)
    assert [tile.lines[-1] for tile in tiles] == ["h.jpg", "e.jpg", "f.jpg", "g.jpg"]  # c is right
    assert [int(tile.pixels[0, 0, 0]) for tile in tiles] == [7, 4, 5, 6]


def test_captions_say_what_was_predicted_and_what_is_true(tmp_path: Path, pixels: ImageRows, tiles: list[Tile]) -> None:
    gallery.save_sample(tmp_path / "s.png", predictions([0.0] * 8), pixels, TASK, 8)
    tiles.sort(key=lambda tile: tile.lines[-1])
    del tiles[1:4], tiles[2:]
    assert [tile.lines for tile in tiles] == [("cat 90%", "right", "a.jpg"), ("dog 74%", "is cat", "e.jpg")]
    assert [tile.frame for tile in tiles] == [gallery.GREEN, gallery.RED]


def test_the_sample_is_the_same_each_time_and_has_no_image_twice(
    tmp_path: Path, pixels: ImageRows, tiles: list[Tile]
) -> None:
    drawn = []
    for _ in range(2):
        gallery.save_sample(tmp_path / "s.png", predictions([0.0] * 8), pixels, TASK, 5)
        drawn.append([tile.lines[-1] for tile in tiles])
    assert drawn[0] == drawn[1]
    assert len(set(drawn[0])) == 5
    assert drawn[0] != [f"{name}.jpg" for name in NAMES[:5]]


def test_fewer_images_than_asked_for_are_all_drawn(tmp_path: Path, pixels: ImageRows, tiles: list[Tile]) -> None:
    gallery.save_sample(tmp_path / "s.png", predictions([0.0] * 8), pixels, TASK, 50)
    assert sorted(tile.lines[-1] for tile in tiles) == [f"{name}.jpg" for name in NAMES]


def test_a_sheet_is_written(tmp_path: Path, pixels: ImageRows) -> None:
    for name in ("a.png", "b.png"):
        gallery.save_sample(tmp_path / name, predictions([0.0] * 8), pixels, TASK, 8)
    assert (tmp_path / "a.png").read_bytes() == (tmp_path / "b.png").read_bytes()
    assert (tmp_path / "a.png").read_bytes().startswith(b"\x89PNG")


def test_captions_of_several_labels(tmp_path: Path, pixels: ImageRows, tiles: list[Tile]) -> None:
    told = predictions([9, 8, 7, 6, 0, 0, 0, 0])
    told["label"] = ["cat|dog", "cat", "", ""] + ["cat"] * 4
    told["predicted"] = ["cat|dog", "", "cat", ""] + ["cat"] * 4
    gallery.save_sample(tmp_path / "s.png", told, pixels, MultiLabel(["cat", "dog"]), 8)
    tiles.sort(key=lambda tile: tile.lines[-1])
    assert [tile.lines[:2] for tile in tiles[:4]] == [
        ("cat 90%, dog 10%", "right"),
        ("no class", "is cat"),
        ("cat 90%", "is no class"),
        ("no class", "right"),
    ]


def test_the_surest_and_the_least_sure_are_right(tmp_path: Path, pixels: ImageRows, tiles: list[Tile]) -> None:
    told = predictions([0.3, 0.1, 0.3, 0.2, 9, 0, 0, 0])
    gallery.save_surest(tmp_path / "s.png", told.iloc[::-1], pixels, TASK, 3)
    assert [tile.lines[-1] for tile in tiles] == ["b.jpg", "d.jpg", "a.jpg"]
    gallery.save_least_sure(tmp_path / "s.png", told.iloc[::-1], pixels, TASK, 3)
    assert [tile.lines[-1] for tile in tiles] == ["a.jpg", "c.jpg", "d.jpg"]
    gallery.save_surest(tmp_path / "s.png", told, pixels, TASK, 50)
    assert {tile.frame for tile in tiles} == {gallery.GREEN}
    assert len(tiles) == 4


def test_where_nothing_is_wrong_the_sheet_is_empty(tmp_path: Path, pixels: ImageRows, tiles: list[Tile]) -> None:
    gallery.save_top_losses(tmp_path / "t.png", predictions([1.0] * 8).iloc[:4], pixels, TASK, 4)
    assert (tmp_path / "t.png").is_file()
    assert tiles == []


def test_where_nothing_is_right_the_sheets_are_empty(tmp_path: Path, pixels: ImageRows) -> None:
    told = predictions([0.0] * 8).iloc[4:]
    for save in (gallery.save_surest, gallery.save_least_sure):
        save(tmp_path / f"{save.__name__}.png", told, pixels, TASK, 3)
        assert (tmp_path / f"{save.__name__}.png").is_file()
