"""The sheet asks of each picture what went wrong, and shows where the network looked."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from graft.data.arrays import ImageRows
from graft.render.sheets import Tile
from graft.report import overlay as module
from graft.report.gallery import GREEN, RED
from graft.report.overlay import Question, overlay, questions, save_cams
from graft.tasks import MultiLabel, SingleLabel, Task
from tests.evaluate.planted import CELL, images, planted

TASK = SingleLabel(["dark", "bright"])
CELLS = [(0, 1), (3, 3), (2, 0)]


def row(label: str, predicted: str, **chances: float) -> pd.Series:
    return pd.Series({"path": "x", "label": label, "predicted": predicted} | {f"p_{k}": v for k, v in chances.items()})


def asked(task: Task, one: pd.Series) -> list[tuple[str, bool, bool]]:
    return [(task.classes[each.place], each.predicted, each.true) for each in questions(one, task)]


def test_of_a_mistake_the_predicted_and_the_true_class_are_asked() -> None:
    task = SingleLabel(["cat", "dog", "owl"])
    assert asked(task, row("owl", "cat", cat=0.5, dog=0.3, owl=0.2)) == [("cat", True, False), ("owl", False, True)]


def test_of_a_right_answer_the_class_and_the_runner_up_are_asked() -> None:
    task = SingleLabel(["cat", "dog", "owl"])
    assert asked(task, row("dog", "dog", cat=0.1, dog=0.7, owl=0.2)) == [("dog", True, True), ("owl", False, False)]


def test_of_several_labels_the_most_probable_mistakes_are_asked() -> None:
    task = MultiLabel(["a", "b", "c", "d"])
    one = row("b|d", "a|b|c", a=0.6, b=0.9, c=0.8, d=0.4)
    assert asked(task, one) == [("c", True, False), ("a", True, False)]
    one = row("b|d", "b|c", a=0.3, b=0.9, c=0.8, d=0.4)
    assert asked(task, one) == [("c", True, False), ("d", False, True)]
    one = row("b", "", a=0.3, b=0.1, c=0.2, d=0.4)
    assert asked(task, one) == [("b", False, True), ("d", False, False)]
    assert asked(MultiLabel(["a"]), row("", "", a=0.3)) == [("a", False, False)]


def test_questions_tell_place_and_probability() -> None:
    assert questions(row("bright", "dark", dark=0.75, bright=0.25), TASK) == [
        Question(0, 0.75, predicted=True, true=False),
        Question(1, 0.25, predicted=False, true=True),
    ]


def test_heat_covers_the_image_where_it_is_and_only_there() -> None:
    image = np.full((4, 4, 3), 100, dtype=np.uint8)
    heat = np.zeros((4, 4), dtype=np.float32)
    heat[1, 2], heat[0, 0] = 1, 0.19
    laid = overlay(image, heat)
    assert laid.dtype == np.uint8
    assert laid[1, 2].tolist() != [100] * 3
    laid[1, 2] = 100
    assert (laid == 100).all()  # a grey picture has no colours to lose


def test_the_images_own_colours_are_taken_out() -> None:
    red = np.tile(np.array([255, 0, 0], dtype=np.uint8), (2, 2, 1))
    assert (overlay(red, np.zeros((2, 2), dtype=np.float32)) == 85).all()


def test_hotter_bands_cover_more() -> None:
    heat = np.linspace(0, 1, 11, dtype=np.float32)[None]
    ground = np.zeros((1, 11, 3), dtype=np.uint8)
    covered = [255 - int(value) for value in (overlay(ground + 255, heat).astype(int) - overlay(ground, heat))[0, :, 0]]
    assert covered == sorted(covered)
    assert len(set(covered)) == module.BANDS


@pytest.fixture
def pixels(tmp_path: Path) -> ImageRows:
    """Three dark pictures with a bright cell each."""
    shown = (images(CELLS).permute(0, 2, 3, 1) * 255).round().numpy().astype(np.uint8)
    np.save(tmp_path / "pixels.npy", shown)
    (tmp_path / "rows.csv").write_text("path\na.png\nb.png\nc.png\n")
    return ImageRows(tmp_path / "pixels.npy")


@pytest.fixture
def predictions() -> pd.DataFrame:
    """One right answer, two wrong ones, the last the costliest."""
    return pd.DataFrame(
        {
            "path": ["a.png", "b.png", "c.png"],
            "label": ["bright", "dark", "bright"],
            "predicted": ["bright", "bright", "dark"],
            "loss": [0.1, 1.0, 2.0],
            "p_dark": [0.1, 0.37, 0.87],
            "p_bright": [0.9, 0.63, 0.13],
        }
    )


def test_tiles_are_the_image_and_both_classes_the_costliest_first(
    tmp_path: Path, pixels: ImageRows, predictions: pd.DataFrame, monkeypatch: pytest.MonkeyPatch
) -> None:
    laid: list[Tile] = []

    def keep(path: Path, tiles: list[Tile], columns: int, side: int, palette: bool) -> None:
        assert (columns, palette) == (6, False)
        laid[:] = tiles

    monkeypatch.setattr(module, "save_sheet", keep)
    monkeypatch.setattr(module, "BATCH", 2)
    save_cams(tmp_path / "cam.png", predictions, pixels, planted("folded"), TASK, 24)
    assert [(tile.lines[:2], tile.frame) for tile in laid if tile.frame != module.GREY] == [
        (("dark 87%", "is bright"), RED),
        (("dark 87%", "wrong"), RED),
        (("bright 13%", "missed"), RED),
        (("bright 63%", "is dark"), RED),
        (("bright 63%", "wrong"), RED),
        (("dark 37%", "missed"), RED),
        (("bright 90%", "right"), GREEN),
        (("bright 90%", "right"), GREEN),
    ]
    assert laid[-1].lines == ("dark 10%", "not predicted")
    # what speaks for bright is the bright cell: there the picture is covered, elsewhere it shows
    for tile, (place_row, place_column) in ((laid[2], CELLS[2]), (laid[4], CELLS[1]), (laid[7], CELLS[0])):
        hottest = tile.pixels.max(2) - tile.pixels.min(2)
        found = np.unravel_index(hottest.argmax(), hottest.shape)
        assert (found[0] // CELL, found[1] // CELL) == (place_row, place_column)


def test_the_sheet_is_the_same_bytes_twice(tmp_path: Path, pixels: ImageRows, predictions: pd.DataFrame) -> None:
    for name in ("one.png", "two.png"):
        save_cams(tmp_path / name, predictions, pixels, planted("tokens"), TASK, 2)
    assert (tmp_path / "one.png").read_bytes() == (tmp_path / "two.png").read_bytes()


def test_no_images_make_an_empty_sheet(tmp_path: Path, pixels: ImageRows, predictions: pd.DataFrame) -> None:
    save_cams(tmp_path / "cam.png", predictions.head(0), pixels, planted("tokens"), TASK, 2)
    assert (tmp_path / "cam.png").is_file()


def test_of_several_labels_each_image_has_its_maps(
    tmp_path: Path, pixels: ImageRows, predictions: pd.DataFrame, monkeypatch: pytest.MonkeyPatch
) -> None:
    laid: list[Tile] = []
    monkeypatch.setattr(module, "save_sheet", lambda path, tiles, **_: laid.extend(tiles))
    told = predictions.assign(label=["", "bright|dark", "bright"], predicted=["bright", "bright", "bright"])
    save_cams(tmp_path / "cam.png", told, pixels, planted("folded"), MultiLabel(TASK.classes), 24)
    assert [tile.lines[:2] for tile in laid] == [
        ("bright 13%", "right"),
        ("dark 87%", "not predicted"),
        ("bright 13%", "right"),
        ("bright 63%", "is bright, dark"),
        ("dark 37%", "missed"),
        ("bright 63%", "right"),
        ("bright 90%", "is no class"),
        ("bright 90%", "wrong"),
        ("dark 10%", "not predicted"),
    ]
