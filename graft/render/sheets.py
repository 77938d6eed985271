"""Contact sheets: pictures side by side with a caption under each."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from graft.core.files import new_file
from graft.render.figures import covering

GAP = 12
CAPTION = 20
INK, PAPER = (36, 36, 40), (255, 255, 255)
SIZE = 13
LATIN = 0x17F
"""The last letter of those that Pillow's own font has."""

Font = ImageFont.FreeTypeFont | ImageFont.ImageFont


@dataclass(frozen=True, slots=True)
class Tile:
    """One picture of a sheet: pixels `[H, W, 3]` uint8, lines of caption, a colour for its frame."""

    pixels: NDArray[np.uint8]
    lines: tuple[str, ...] = ()
    frame: tuple[int, int, int] | None = None


def save_sheet(path: Path, tiles: Sequence[Tile], columns: int, side: int, palette: bool = True) -> None:
    """Write tiles as one PNG, row by row.

    Args:
        columns: tiles a row.
        side: every picture is shown at this many pixels a side.
        palette: whether 256 colours do; a third of the bytes, and of photographs the eye sees little difference.
    """
    lines = max((len(tile.lines) for tile in tiles), default=0)
    width, height = side + GAP, side + GAP + CAPTION * lines
    rows = -(-len(tiles) // columns)
    sheet = Image.new("RGB", (columns * width + GAP, rows * height + GAP), PAPER)
    draw = ImageDraw.Draw(sheet)
    for place, tile in enumerate(tiles):
        x, y = GAP + place % columns * width, GAP + place // columns * height
        sheet.paste(Image.fromarray(tile.pixels).resize((side, side), Image.Resampling.BILINEAR), (x, y))
        if tile.frame:
            draw.rectangle((x - 3, y - 3, x + side + 2, y + side + 2), outline=tile.frame, width=3)
        for number, line in enumerate(tile.lines):
            font = _font(line)
            draw.text((x, y + side + 4 + CAPTION * number), _fitted(line, side, font), fill=INK, font=font)
    with new_file(path) as partial:
        shown = sheet.quantize(256, dither=Image.Dither.NONE) if palette else sheet
        shown.save(partial, format="PNG", optimize=True)


def save_note(path: Path, text: str) -> None:
    """Write a sheet without pictures that says why there are none."""
    font = _font(text)
    sheet = Image.new("RGB", (round(font.getlength(text)) + 2 * GAP, CAPTION + 2 * GAP), PAPER)
    ImageDraw.Draw(sheet).text((GAP, GAP), text, fill=INK, font=font)
    with new_file(path) as partial:
        sheet.save(partial, format="PNG", optimize=True)


def _font(line: str) -> Font:
    """Pillow's own, which is Latin; for other scripts one of the system's, where one has them."""
    file = None if max(map(ord, line), default=0) <= LATIN else covering(line)
    return ImageFont.load_default(SIZE) if file is None else ImageFont.truetype(file, SIZE)


def _fitted(line: str, width: int, font: Font) -> str:
    """Cut a caption to the width of its picture, keeping its end: names differ there."""
    if font.getlength(line) <= width:
        return line
    while len(line) > 1 and font.getlength("..." + line) > width:
        line = line[1:]
    return "..." + line
