"""Tiles lie where they belong, framed and captioned."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageFont

from graft.render.sheets import CAPTION, GAP, PAPER, Tile, _fitted, save_sheet

RED, GREEN, BLUE = (255, 0, 0), (0, 255, 0), (0, 0, 255)


def tile(colour: tuple[int, int, int], *lines: str, frame: tuple[int, int, int] | None = None) -> Tile:
    """A tile of one colour."""
    return Tile(np.full((4, 6, 3), colour, dtype=np.uint8), lines, frame)


def shown(path: Path) -> np.ndarray:
    """Pixels of a sheet."""
    with Image.open(path) as image:
        assert image.format == "PNG"
        return np.asarray(image.convert("RGB"))


def test_tiles_lie_row_by_row(tmp_path: Path) -> None:
    save_sheet(tmp_path / "s.png", [tile(RED), tile(GREEN), tile(BLUE)], columns=2, side=10)
    pixels = shown(tmp_path / "s.png")
    step = 10 + GAP
    assert pixels.shape == (2 * step + GAP, 2 * step + GAP, 3)
    for x, y, colour in ((GAP, GAP, RED), (GAP + step, GAP, GREEN), (GAP, GAP + step, BLUE)):
        assert (pixels[y : y + 10, x : x + 10] == colour).all()
    inside = np.zeros(pixels.shape[:2], dtype=bool)
    for x, y in ((GAP, GAP), (GAP + step, GAP), (GAP, GAP + step)):
        inside[y : y + 10, x : x + 10] = True
    assert (pixels[~inside] == PAPER).all()


def test_captions_lie_under_their_tile(tmp_path: Path) -> None:
    save_sheet(tmp_path / "s.png", [tile(RED, "one", "two"), tile(GREEN)], columns=2, side=40)
    pixels = shown(tmp_path / "s.png")
    assert pixels.shape == (40 + GAP + 2 * CAPTION + GAP, 2 * (40 + GAP) + GAP, 3)
    assert (pixels[GAP : GAP + 40, 40 + 2 * GAP : 80 + 2 * GAP] == GREEN).all()
    under = pixels[GAP + 40 :]
    assert (under[:, : GAP + 40].min(2) < 128).any()
    assert (under[:, GAP + 40 :] == PAPER).all()


def test_a_frame_surrounds_its_tile(tmp_path: Path) -> None:
    save_sheet(tmp_path / "s.png", [tile(RED, frame=BLUE)], columns=1, side=10)
    pixels = shown(tmp_path / "s.png")
    assert (pixels[GAP : GAP + 10, GAP : GAP + 10] == RED).all()
    for edge in (pixels[GAP - 3 : GAP, GAP : GAP + 10], pixels[GAP + 10 : GAP + 13, GAP : GAP + 10]):
        assert (edge == BLUE).all()
    assert (pixels[GAP - 4] == PAPER).all()
    assert (pixels[GAP + 13] == PAPER).all()


def test_equal_tiles_are_equal_bytes(tmp_path: Path) -> None:
    for name in ("a.png", "b.png"):
        save_sheet(tmp_path / name, [tile(RED, "dog 93%", "right"), tile(GREEN, "cat")], columns=6, side=30)
    assert (tmp_path / "a.png").read_bytes() == (tmp_path / "b.png").read_bytes()


def test_without_a_palette_every_colour_is_kept(tmp_path: Path) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (40, 40, 3), dtype=np.uint8)
    save_sheet(tmp_path / "s.png", [Tile(noise)], columns=1, side=40, palette=False)
    assert np.array_equal(shown(tmp_path / "s.png")[GAP : GAP + 40, GAP : GAP + 40], noise)
    save_sheet(tmp_path / "p.png", [Tile(noise)], columns=1, side=40)
    assert (tmp_path / "p.png").stat().st_size < 0.6 * (tmp_path / "s.png").stat().st_size


def test_a_sheet_may_be_empty(tmp_path: Path) -> None:
    save_sheet(tmp_path / "s.png", [], columns=3, side=10)
    assert (shown(tmp_path / "s.png") == PAPER).all()


@pytest.mark.parametrize("width", [40, 80, 144])
def test_a_long_caption_keeps_its_end(width: int) -> None:
    font = ImageFont.load_default(13)
    line = "a rather long name of a file that says at its end 0042.jpg"
    fitted = _fitted(line, width, font)
    assert fitted.startswith("...")
    assert line.endswith(fitted.removeprefix("..."))
    assert font.getlength(fitted) <= width
    longer = line[-(len(fitted) - 2) :]
    assert font.getlength("..." + longer) > width


def test_a_short_caption_is_left_alone() -> None:
    assert _fitted("0042.jpg", 144, ImageFont.load_default(13)) == "0042.jpg"


def test_letters_of_other_scripts_are_drawn_and_not_boxes(tmp_path: Path) -> None:
    sheets = []
    for place, word in enumerate(("\u05db\u05dc\u05d1", "\u05d7\u05ea\u05d5")):  # two words of as many letters
        save_sheet(tmp_path / f"{place}.png", [tile(RED, word)], columns=1, side=60)
        sheets.append(shown(tmp_path / f"{place}.png"))
    assert (sheets[0] != sheets[1]).any()
