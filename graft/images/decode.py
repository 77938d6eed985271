"""From the bytes of an image file to an upright RGB image, in one place for all that decode.

`index` checks with it, `presize` caches with it and the predictor serves with it, so that no two
of them can disagree about orientation, colour or resampling. Pillow and numpy only.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from io import BytesIO
from pathlib import Path
from typing import IO

import numpy as np
from numpy.typing import NDArray
from PIL import ExifTags, Image, ImageOps, UnidentifiedImageError

from graft.images.depth import USUAL_DEPTH, Depth, Range, is_wide, own_depth, span_of
from graft.images.formats import FORMATS
from graft.images.regions import Region, located

MAX_PIXELS = 89_478_485
"""Larger images are refused before they are decoded: a small file can claim to be huge. It is the
number from which Pillow itself begins to warn: a quarter of a gigabyte as RGB."""

NO_END = "a JPEG without its end mark, of which every pixel is there"

MAX_SCANS = 100
"""Encoders write up to a dozen; libtiff draws the line here, too."""
_PIECE = 2**16
_SCAN, _END = b"\xda", b"\xd9"
_SEGMENT = re.compile(rb"\xff+([\x02-\xcf\xd9-\xfe])")
"""What begins a segment; 0xFF before another byte is a pixel's, a restart or the beginning."""


class UnreadableError(Exception):
    """The file is not an image that can be decoded; the text says why, in one line."""


class NotAnImageError(UnreadableError):
    """Nothing in the file says that it is an image at all."""


class TooManyPixelsError(UnreadableError):
    """The image is larger than may be."""


@dataclass(frozen=True, slots=True)
class Decoded:
    """An image, upright, RGB, and how it lay in its file: its format and mode, such as JPEG and CMYK.

    `camera` (maker, model and software) and `taken` (date and time) are as EXIF has them; empty without.
    `span` are the darkest and the brightest value of an image of more than eight bits, None of any other.
    `note` says what is odd about the file, empty for most.
    """

    image: Image.Image
    format: str
    mode: str
    camera: str
    taken: str
    span: Range | None = None
    note: str = ""


def decode(
    source: Path | IO[bytes],
    shrink_to: int | None = None,
    formats: Sequence[str] = FORMATS,
    max_pixels: int = MAX_PIXELS,
    depth: Depth | None = None,
    region: Region | None = None,
) -> Decoded:
    """Decode a file fully.

    Args:
        source: an image in one of `formats`, or its path, which may name a region of it (`Region.of`); of several
            frames the first is taken.
        shrink_to: when given, a JPEG may be decoded faster at a fraction of its size (DCT scaling) whose
            sides are at least twice this long; later resampling cannot tell it from the whole.
        formats: those that are read, of `FORMATS`.
        max_pixels: width times height it may have.
        depth: which values of more than eight bits are black and white; without, the image's own extremes.
        region: what of the image is wanted, for which it is decoded whole.

    Raises:
        NotAnImageError: no format claims the file.
        TooManyPixelsError: it says it is larger; nothing of it is decoded then.
        UnreadableError: damaged, truncated, a JPEG of more than `MAX_SCANS`, or the region lies outside.
    """
    if isinstance(source, Path) and region is None:
        source, region = located(source)
    try:
        with Image.open(source, formats=tuple(formats)) as image:
            _check_pixels(image, max_pixels)
            if image.format in ("JPEG", "MPO") and image.fp is not None and too_many_scans(image.fp):
                raise UnreadableError(f"a JPEG of more than {MAX_SCANS} scans, which may take minutes; save it anew")
            if shrink_to is not None and region is None:
                image.draft("RGB", (2 * shrink_to, 2 * shrink_to))
            image.load()
            camera, taken = _exif(image)
            upright = _rgb(_upright(image), depth)
            if region is not None and region.within(*upright.size) is None:
                raise UnreadableError(f"the region lies outside the picture of {upright.width} x {upright.height}")
            upright = upright if region is None else region.crop(upright)
            return Decoded(upright, str(image.format), image.mode, camera, taken, span_of(image))
    except UnreadableError:
        raise
    except UnidentifiedImageError as error:
        raise NotAnImageError(f"not a picture in a format that is read ({', '.join(formats)})") from error
    except FileNotFoundError as error:
        raise UnreadableError("there is no such file") from error
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        raise TooManyPixelsError(f"the picture has more than {max_pixels} pixels") from error
    except Exception as error:  # decoders raise whatever they like on damaged input
        if "truncated" in str(error) and (ended := _with_end(source)) is not None:
            return replace(decode(ended, shrink_to, formats, max_pixels, depth, region), note=NO_END)
        reason = _reason(error)
        if isinstance(source, Path):  # the reason is the same wherever the file lies
            reason = reason.replace(str(source), source.name)
        raise UnreadableError(reason) from error


def _with_end(source: Path | IO[bytes]) -> BytesIO | None:
    """Add the end mark to a JPEG that lacks nothing else; None for any other file.

    Where a bit of the pixels is missing, the decoder takes what follows for it: other bits then give other pixels.
    Of a progressive JPEG whole scans may be missing, so it is never taken for whole.
    """
    if isinstance(source, Path):
        begun = source.read_bytes()
    else:
        source.seek(0)
        begun = source.read()
    begun = begun.removesuffix(b"\xff")
    if not begun.startswith(b"\xff\xd8"):
        return None
    pixels = []
    for filling in (b"", b"\x55\x2a" * 32, b"\x92\x6d" * 32, b"\xdb\xb6" * 32):
        try:
            with Image.open(BytesIO(begun + filling + b"\xff\xd9"), formats=("JPEG",)) as image:
                if image.info.get("progressive"):
                    return None
                pixels.append(image.tobytes())
        except Exception:  # as in `decode`, whose reason is the one that is said
            return None
    return BytesIO(begun + b"\xff\xd9") if len(set(pixels)) == 1 else None


def upright_rgb(image: Image.Image, depth: Depth) -> Image.Image:
    """Bring an image that is open already upright and to RGB, as `decode` does; it stays as it is.

    Raises:
        UnreadableError: its file is damaged or truncated, or it is over `MAX_PIXELS`.
    """
    try:
        _check_pixels(image, MAX_PIXELS)
        image.load()
        return _rgb(_upright(image), depth)
    except UnreadableError:
        raise
    except Exception as error:  # as above
        raise UnreadableError(_reason(error)) from error


@dataclass(frozen=True, slots=True)
class Square:
    """How an image becomes a square.

    Attributes:
        size: side in pixels.
        crop: share, from 0 to 1, of what the longer side has over the shorter that is cut off, half of
            it at either end. 0 keeps the whole image, 1 its centre square.
        depth: which values of more than eight bits are black and white.
        padding: colour of a border, half at either end, that makes what is kept a square; without, it is squeezed.
    """

    size: int
    crop: float = 0.0
    depth: Depth = USUAL_DEPTH
    padding: tuple[int, int, int] | None = None

    def read(
        self,
        source: Path | IO[bytes],
        formats: Sequence[str] = FORMATS,
        max_pixels: int = MAX_PIXELS,
        region: Region | None = None,
    ) -> NDArray[np.uint8]:
        """Decode a file, or a region of it, into pixels `[size, size, 3]`, uint8, RGB.

        Raises:
            UnreadableError: see `decode`.
        """
        return self.of(decode(source, self.size, formats, max_pixels, self.depth, region).image)

    def of(self, image: Image.Image) -> NDArray[np.uint8]:
        """Resample an RGB image to pixels `[size, size, 3]`, uint8, RGB."""
        box = self._box(image)
        width, height = inner = self._inner(box)
        if image.size != inner:
            # reducing_gap averages by whole steps first: nearly the same pixels in a fraction of the time
            image = image.resize(inner, Image.Resampling.BICUBIC, box, reducing_gap=3.0)
        if inner != (self.size, self.size):
            canvas = Image.new("RGB", (self.size, self.size), self.padding)
            canvas.paste(image, ((self.size - width) // 2, (self.size - height) // 2))
            image = canvas
        return np.asarray(image, dtype=np.uint8)

    def _box(self, image: Image.Image) -> tuple[float, float, float, float]:
        """The part of an image that is kept: left, upper, right, lower, in pixels from its upper left corner."""
        shorter = min(image.size)
        across, down = (self.crop * (side - shorter) / 2 for side in image.size)
        return across, down, image.width - across, image.height - down

    def _inner(self, box: tuple[float, float, float, float]) -> tuple[int, int]:
        """Width and height of what is kept, as it stands in the square."""
        if self.padding is None:
            return self.size, self.size
        left, upper, right, lower = box
        sides = right - left, lower - upper
        # a half is rounded up, which any language can do, and not to the even number
        width, height = (max(1, int(self.size * side / max(sides) + 0.5)) for side in sides)
        return width, height


def _reason(error: Exception) -> str:
    """An exception in one line, without the address that Python gives an object."""
    return f"{type(error).__name__}: {error}".replace("\n", " ").partition(" <_io")[0]


def _check_pixels(image: Image.Image, most: int) -> None:
    if image.width * image.height > most:
        raise TooManyPixelsError(f"{image.width} x {image.height} is over {most} pixels")


def _exif(image: Image.Image) -> tuple[str, str]:
    """Camera and time from EXIF, each on one line; what cannot be read is empty."""
    try:
        tags = image.getexif()
        exif = tags.get_ifd(ExifTags.IFD.Exif)
        camera = [tags.get(tag) for tag in (ExifTags.Base.Make, ExifTags.Base.Model, ExifTags.Base.Software)]
        taken = exif.get(ExifTags.Base.DateTimeOriginal) or tags.get(ExifTags.Base.DateTime)
    except Exception:  # any damage in a tag; the pixels themselves are already decoded
        return "", ""
    return _one_line(" ".join(str(name) for name in camera if name)), _one_line(str(taken or ""))


def _one_line(text: str) -> str:
    """Printable characters only, spaces run together, at most a hundred."""
    return " ".join("".join(char if char.isprintable() else " " for char in text).split())[:100]


def _upright(image: Image.Image) -> Image.Image:
    """Copy an image with its EXIF orientation applied; EXIF that cannot be read leaves it as it lies."""
    try:
        return ImageOps.exif_transpose(image)
    except Exception:  # any damage in a tag; the pixels themselves are already decoded
        return image.copy()


def _rgb(image: Image.Image, depth: Depth | None) -> Image.Image:
    """Bring any mode to RGB: wide greys scaled, transparency shown on white, as a page or a viewer shows it."""
    if is_wide(image.mode):
        return (depth or own_depth(image)).shown(image).convert("RGB")
    if image.mode in ("RGBA", "LA", "PA", "RGBa", "La") or "transparency" in image.info:
        layer = image.convert("RGBA")
        return Image.alpha_composite(Image.new("RGBA", layer.size, "white"), layer).convert("RGB")
    return image if image.mode == "RGB" else image.convert("RGB")


def too_many_scans(file: IO[bytes]) -> bool:
    """Whether a JPEG has more than `MAX_SCANS`; the file is left where it stood, and read piece by piece."""
    position = file.tell()
    try:
        # a tag, or what lies behind the end, such as a phone's film, may hold the two bytes by chance
        return _count_bytes(file, b"\xff" + _SCAN) > MAX_SCANS and _count_scans(file) > MAX_SCANS
    finally:
        file.seek(position)


def _count_bytes(file: IO[bytes], mark: bytes) -> int:
    """How often two bytes that differ stand in a file."""
    file.seek(0)
    count, last = 0, b""
    while piece := file.read(_PIECE):
        count += (last + piece).count(mark)
        last = piece[-1:]
    return count


def _count_scans(file: IO[bytes]) -> int:
    """Scans that a decoder meets, which passes over segments and stops at the end; no more than are needed."""
    count = start = 0
    file.seek(0)
    while len(piece := file.read(_PIECE)) >= 4:
        at = 0
        while (found := _SEGMENT.search(piece, at)) and found.end() + 2 <= len(piece):
            count += found[1] == _SCAN
            if found[1] == _END or count > MAX_SCANS:
                return count
            at = found.end() + int.from_bytes(piece[found.end() : found.end() + 2])
        start += found.end() - 2 if found else max(at, len(piece) - 1)
        file.seek(start)
    return count
