"""Pictures that try every step of the recipe, and how far an example's pixels are from Python's."""

from pathlib import Path

import numpy as np
from PIL import Image

from graft.images.decode import Square
from graft.images.presize import PADDING

ROOT = Path(__file__).resolve().parents[2]
SIZE = 64
SQUARES = [Square(SIZE), Square(SIZE, 0.5), Square(SIZE, 1.0), Square(SIZE, padding=PADDING)]

EXACT = ("grey.png", "wide.png", "tiny.png", "palette.png", "clear.png", "deep.png", "same.png")
"""Without loss and not much larger than `SIZE`: pixels may differ by rounding alone."""

CLOSE = ("turned.jpg", "large.jpg", "large.png")
"""Decoders of JPEG differ a little, and Python takes large pictures in two steps."""


def images(folder: Path) -> dict[str, Path]:
    """Write the pictures; by name."""
    random = np.random.default_rng(0)

    def smooth(width: int, height: int, channels: int = 3) -> Image.Image:
        coarse = random.integers(0, 256, (12, 16, channels), dtype=np.uint8)
        return Image.fromarray(coarse).resize((width, height), Image.Resampling.BICUBIC)

    exif = Image.Exif()
    exif[0x0112] = 6
    grey = smooth(150, 150).convert("L")
    made = {
        "grey.png": grey,
        "wide.png": smooth(170, 90),
        "tiny.png": smooth(11, 7),
        "palette.png": smooth(120, 100).quantize(32),
        "clear.png": smooth(100, 140, 4),
        "deep.png": Image.fromarray(np.asarray(grey).astype(np.uint16) * 257),
        "same.png": smooth(SIZE, SIZE),
        "turned.jpg": smooth(180, 120),
        "large.jpg": smooth(1600, 1200),
        "large.png": smooth(1000, 800),
    }
    for name, image in made.items():
        options = {"exif": exif} if name == "turned.jpg" else {}
        image.save(folder / name, **options)  # type: ignore[arg-type]
    return {name: folder / name for name in made}


def distance(found: bytes, file: Path, square: Square) -> tuple[float, int]:
    """Mean and largest difference from the pixels that Python makes of a file."""
    wanted = square.read(file).astype(np.int16)
    gap = np.abs(np.frombuffer(found, dtype=np.uint8).reshape(wanted.shape).astype(np.int16) - wanted)
    return float(gap.mean()), int(gap.max())
