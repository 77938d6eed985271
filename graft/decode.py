"""From the bytes of a picture file to an upright RGB picture, in one place for all that decode.

`index` checks with it, `presize` caches with it and the predictor serves with it, so that no two
of them can disagree about orientation, colour or resampling. Pillow and numpy only.
"""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps

MAX_PIXELS = 200_000_000
"""Larger pictures are refused before they are decoded: a small file can claim to be huge."""

BACKGROUND = (255, 255, 255)
"""Transparent pixels are shown on white, as a page or a viewer would show them."""


class UnreadableError(Exception):
    """The file is not a picture that can be decoded; the text says why, in one line."""


def open_upright(path: Path, shrink_to: int | None = None) -> Image.Image:
    """Decode a file fully into an upright RGB picture.

    Args:
        path: a picture in any format Pillow reads; of several frames the first is taken.
        shrink_to: when given, a JPEG may be decoded at a fraction of its size (DCT scaling) as
            long as both sides stay at least twice this long, which later resampling cannot tell
            from the whole but takes a fraction of the time.

    Raises:
        UnreadableError: not a picture, damaged, truncated, or over `MAX_PIXELS`.
    """
    try:
        with Image.open(path) as image:
            if image.width * image.height > MAX_PIXELS:
                raise UnreadableError(f"{image.width} x {image.height} is over {MAX_PIXELS} pixels")
            if shrink_to is not None:
                image.draft("RGB", (2 * shrink_to, 2 * shrink_to))
            image.load()
            return _rgb(_upright(image))
    except UnreadableError:
        raise
    except Exception as error:  # decoders raise whatever they like on damaged input
        reason = str(error).replace(str(path), path.name).replace("\n", " ")
        raise UnreadableError(f"{type(error).__name__}: {reason}") from error


def square(image: Image.Image, size: int) -> NDArray[np.uint8]:
    """Resample the whole picture to a square, aspect ratio given up.

    Args:
        image: an RGB picture.
        size: side of the square in pixels.

    Returns:
        Pixels `[size, size, 3]`, uint8, RGB.
    """
    if image.size != (size, size):
        # reducing_gap averages by whole steps first: nearly the same pixels in a fraction of the time
        image = image.resize((size, size), Image.Resampling.BICUBIC, reducing_gap=3.0)
    return np.asarray(image, dtype=np.uint8)


def _upright(image: Image.Image) -> Image.Image:
    """Apply the EXIF orientation; EXIF that cannot be read leaves the picture as it lies."""
    try:
        return ImageOps.exif_transpose(image)
    except Exception:  # any damage in a tag; the pixels themselves are already decoded
        return image


def _rgb(image: Image.Image) -> Image.Image:
    """Bring any mode to RGB: 16-bit greys scaled, transparency laid on the background."""
    if image.mode.startswith("I;16") or image.mode == "I":
        wide = np.asarray(image).astype(np.uint32)
        return Image.fromarray((np.clip(wide, 0, 65535) >> 8).astype(np.uint8)).convert("RGB")
    if image.mode in ("RGBA", "LA", "PA", "RGBa", "La") or "transparency" in image.info:
        layer = image.convert("RGBA")
        ground = Image.new("RGBA", layer.size, (*BACKGROUND, 255))
        return Image.alpha_composite(ground, layer).convert("RGB")
    return image.convert("RGB")
