"""What a layer gives is drawn: maps the strongest first, filters as their weights, plain numbers as bars."""

import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from matplotlib import colormaps
from PIL import Image
from safetensors.torch import save_file
from typer.testing import CliRunner

from graft.apps import cli
from graft.apps.inspect.drawings import MAX_TILES, TILE_SIDE, draw_layer, filter_tiles, map_tiles, save_bars, tile_side
from graft.backbone.config import Backbone
from graft.backbone.weights import fetch_weights
from graft.core.errors import DataError
from graft.render.sheets import Tile
from tests.network.tiny_network import made

pytestmark = pytest.mark.slow


def test_maps_filters_and_image_are_drawn_the_same_bytes_each_time(tmp_path: Path, finetuned: dict[str, Any]) -> None:
    found = []
    for _ in range(2):
        lines = list(draw_layer(finetuned, "conv_stem", Path("cat.png")))
        (folder,) = (tmp_path / "reports/inspect").iterdir()
        found.append([(file.name, file.read_bytes()) for file in sorted(folder.iterdir())])
    assert [line.split(":")[0] for line in lines] == [
        f"reports/inspect/{folder.name}/{name}.png" for name in ("image", "conv_stem.filters", "conv_stem.maps")
    ]
    assert [name for name, _ in found[0]] == ["conv_stem.filters.png", "conv_stem.maps.png", "image.png"]
    assert found[0] == found[1]
    assert "24 of 24 filters" in lines[1]
    assert "24 of 24 channels of 32 x 32" in lines[2]


def test_a_layer_without_a_grid_is_drawn_as_bars(tmp_path: Path, finetuned: dict[str, Any]) -> None:
    lines = list(draw_layer(finetuned, "head.linear", Path("cat.png")))
    name, said = lines[-1].split(": ")
    assert name.endswith("/head.linear.bars.png")
    assert said == "the largest of 2 numbers, which lie on no grid"
    with Image.open(tmp_path / name) as image:
        assert image.format == "PNG"


def test_images_of_one_name_do_not_overwrite_each_other(tmp_path: Path, finetuned: dict[str, Any]) -> None:
    for place in ("here", "there"):
        (tmp_path / place).mkdir()
        shutil.copy("cat.png", tmp_path / place / "cat.png")
        list(draw_layer(finetuned, "head.linear", Path(place, "cat.png")))
        list(draw_layer(finetuned, "head.linear", tmp_path / place / "cat.png"))
    assert len(list((tmp_path / "reports/inspect").iterdir())) == 2


def test_before_anything_is_finetuned_the_backbone_is_looked_into(tmp_path: Path, values: dict[str, Any]) -> None:
    with pytest.raises(DataError, match=r"neither models/finetuned nor models/backbone is there; run `dvc repro dow"):
        list(draw_layer(values, "blocks.2", Path("cat.png")))
    folder = tmp_path / "models" / "backbone"
    folder.mkdir(parents=True)
    save_file(made("test_vit"), folder / "made.safetensors")
    fetch_weights(Backbone(name="test_vit", weights=str(folder / "made.safetensors"), licence="none"), folder)
    lines = list(draw_layer(values, "blocks.2", Path("cat.png")))
    assert lines[0].endswith("what models/backbone (test_vit, nothing is fine-tuned yet) sees")
    assert "64 of 64 channels of 4 x 4" in lines[-1]  # patches of 16 pixels; the class token is left out


def test_what_is_missing_is_named(tmp_path: Path, finetuned: dict[str, Any]) -> None:
    with pytest.raises(DataError, match=r"has no layer 'conv_steam' \(did you mean 'conv_stem'\?\)"):
        list(draw_layer(finetuned, "conv_steam", Path("cat.png")))
    with pytest.raises(DataError, match=r"dog.png: there is no such file"):
        list(draw_layer(finetuned, "conv_stem", Path("dog.png")))
    (tmp_path / "torn.png").write_bytes((tmp_path / "cat.png").read_bytes()[:60])
    with pytest.raises(DataError, match=r"torn.png: "):
        list(draw_layer(finetuned, "conv_stem", Path("torn.png")))
    assert not (tmp_path / "reports").exists()


def small(tile: Tile, cells: int) -> np.ndarray:
    """One pixel a cell of an enlarged tile, after a check that a cell is of one colour."""
    times = len(tile.pixels) // cells
    shown = tile.pixels[::times, ::times]
    assert np.array_equal(shown.repeat(times, 0).repeat(times, 1), tile.pixels)
    return shown


def test_filters_show_the_weights() -> None:
    weight = (3 * np.random.default_rng(0).normal(size=(5, 3, 7, 7))).astype(np.float32)
    tiles = filter_tiles(weight)
    assert [tile.lines[0] for tile in tiles] == [f"filter {place}" for place in range(5)]
    for tile, one in zip(tiles, weight, strict=True):
        again = (small(tile, 7).astype(np.float64) / 255 - 0.5) * 2 * np.abs(one).max()
        assert np.abs(again - one.transpose(1, 2, 0)).max() < np.abs(one).max() / 200


def test_a_filter_of_noughts_is_grey() -> None:
    tile = filter_tiles(np.zeros((1, 3, 3, 3), dtype=np.float32))[0]
    assert set(np.unique(tile.pixels)) <= {127, 128}


def test_of_many_filters_the_largest_are_shown_in_their_order() -> None:
    weight = np.ones((MAX_TILES + 6, 3, 2, 2), dtype=np.float32)
    weight[[0, 9, 17, 30, 44, 69]] = 0.5
    told = [int(tile.lines[0].split()[1]) for tile in filter_tiles(weight)]
    assert told == [place for place in range(MAX_TILES + 6) if place not in (0, 9, 17, 30, 44, 69)]


def test_maps_come_strongest_first_in_their_own_range() -> None:
    ramp = np.arange(4, dtype=np.float32).reshape(2, 2)
    level = np.full((2, 2), 500, np.float32) + ramp / 1000  # large, but the same everywhere but for rounding
    tiles = map_tiles(np.stack([ramp, 100 * ramp, -10 * ramp, level]))
    assert [tile.lines for tile in tiles] == [
        ("channel 1", "0 to 3e+02"),
        ("channel 2", "-30 to -0"),
        ("channel 0", "0 to 3"),
        ("channel 3", "5e+02 to 5e+02"),
    ]
    lowest, highest = ((np.array(colormaps["viridis"](end)[:3]) * 255).round().astype(np.uint8) for end in (0.0, 1.0))
    rising, falling = small(tiles[0], 2), small(tiles[1], 2)
    assert np.array_equal(rising, small(tiles[2], 2))
    assert np.array_equal(rising[0, 0], lowest)
    assert np.array_equal(rising[1, 1], highest)
    assert np.array_equal(falling[0, 0], highest)
    assert (small(tiles[3], 2) == lowest).all()


def test_no_more_maps_than_fit_a_sheet() -> None:
    assert len(map_tiles(np.ones((MAX_TILES + 1, 2, 2), dtype=np.float32))) == MAX_TILES


@pytest.mark.parametrize(("cells", "side"), [(2, 96), (7, 98), (14, 98), (55, 110), (97, 97), (300, TILE_SIDE)])
def test_cells_are_not_blurred_where_they_are_few(cells: int, side: int) -> None:
    assert tile_side(map_tiles(np.ones((1, cells, cells), dtype=np.float32))) == side


def rows_of_colour(path: Path, colour: tuple[int, int, int]) -> int:
    """Rows of pixels that have a colour."""
    with Image.open(path) as image:
        pixels = np.asarray(image.convert("RGB")).astype(int)
    return int((np.abs(pixels - colour).max(2) < 3).any(1).sum())


@pytest.mark.parametrize("count", [1, 2, 500])
def test_any_count_is_drawn_and_no_name_is_mathematics(tmp_path: Path, count: int) -> None:
    values = np.random.default_rng(0).normal(size=count).astype(np.float32)
    for name in ("a.png", "b.png"):
        save_bars(tmp_path / name, values, [f"$class^{place}" for place in range(count)], "head")
    assert (tmp_path / "a.png").read_bytes() == (tmp_path / "b.png").read_bytes()
    with Image.open(tmp_path / "a.png") as image:
        assert max(image.size) < 1200


def test_positive_and_negative_numbers_have_their_colours(tmp_path: Path) -> None:
    blue, red = (0x2F, 0x6D, 0xB5), (0xC6, 0x28, 0x28)
    save_bars(tmp_path / "a.png", np.array([3, -2, 1], dtype=np.float32), list("abc"), "head")
    assert rows_of_colour(tmp_path / "a.png", blue) > 1.5 * rows_of_colour(tmp_path / "a.png", red) > 0
    save_bars(tmp_path / "b.png", np.array([3, 2, 1], dtype=np.float32), list("abc"), "head")
    assert rows_of_colour(tmp_path / "b.png", red) == 0


def test_a_layer_and_an_image_are_drawn(finetuned: dict[str, Any], tmp_path: Path) -> None:
    done = CliRunner().invoke(cli.app, ["inspect", "blocks.1", "cat.png"])
    assert done.exit_code == 0, done.output
    (drawn,) = (tmp_path / "reports/inspect").glob("cat-*/blocks.1.maps.png")
    assert f"{drawn.relative_to(tmp_path)}: " in done.output


def test_a_layer_without_an_image_asks_for_one(finetuned: dict[str, Any]) -> None:
    done = CliRunner().invoke(cli.app, ["inspect", "blocks.1"])
    assert done.exit_code == 2
    assert "graft inspect blocks.1 IMAGE" in done.output
