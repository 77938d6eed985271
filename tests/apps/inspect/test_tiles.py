"""Maps come strongest first in their own range, filters show their weights."""

import numpy as np
import pytest
from matplotlib import colormaps

from graft.apps.inspect.tiles import MOST, SIDE, filter_tiles, map_tiles, side_of
from graft.render.sheets import Tile


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
    weight = np.ones((MOST + 6, 3, 2, 2), dtype=np.float32)
    weight[[0, 9, 17, 30, 44, 69]] = 0.5
    told = [int(tile.lines[0].split()[1]) for tile in filter_tiles(weight)]
    assert told == [place for place in range(MOST + 6) if place not in (0, 9, 17, 30, 44, 69)]


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
    assert len(map_tiles(np.ones((MOST + 1, 2, 2), dtype=np.float32))) == MOST


@pytest.mark.parametrize(("cells", "side"), [(2, 96), (7, 98), (14, 98), (55, 110), (97, 97), (300, SIDE)])
def test_cells_are_not_blurred_where_they_are_few(cells: int, side: int) -> None:
    assert side_of(map_tiles(np.ones((1, cells, cells), dtype=np.float32))) == side
