"""What a picture may be given as, and its pixels."""

from io import BytesIO
from pathlib import Path
from typing import Protocol, TypeAlias

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from graft.core.addresses import is_remote
from graft.core.errors import GraftError
from graft.images.decode import Square, UnreadableError, upright_rgb


class Readable(Protocol):
    """An open file, or what can be read like one."""

    def read(self) -> bytes:
        """Give the whole content."""
        ...


Source: TypeAlias = str | Path | bytes | bytearray | memoryview | Image.Image | Readable
"""A path, the content of a picture file, a picture, or an open file."""


def pixels_of(source: Source, square: Square) -> NDArray[np.uint8]:
    """Decode a picture and resample it to the square that the graph takes.

    Returns:
        Pixels `[S, S, 3]`, uint8, RGB: of a file, the very ones that `presize` stores.

    Raises:
        UnreadableError: it cannot be read or decoded; the text says why, in one line.
        TypeError: it is none of what a picture may be given as.
    """
    if isinstance(source, Image.Image):
        return square.of(upright_rgb(source))
    if isinstance(source, str):
        return square.read(_path(source))
    return square.read(source if isinstance(source, Path) else BytesIO(_content(source)))


def name_of(source: Source) -> str:
    """What a source is called: the path as given, an open file's name, empty of anything else."""
    if isinstance(source, str | Path):
        return str(source)
    name = getattr(source, "name", "")
    return name if isinstance(name, str) else ""


def _path(source: str) -> Path:
    if source.startswith("file://"):
        raise UnreadableError("is an address; give the path itself, without file://")
    if is_remote(source):
        raise UnreadableError("is an address, and a predictor reads files: give what lies there, as bytes")
    return Path(source)


def _content(source: bytes | bytearray | memoryview | Readable) -> bytes | bytearray | memoryview:
    if isinstance(source, bytes | bytearray | memoryview):
        return source
    if not hasattr(source, "read"):
        kind = type(source).__name__
        raise TypeError(
            f"{kind}: a picture is a path, the bytes of a file, an open file or a picture of Pillow's, "
            "such as Image.fromarray(array)"
        )
    try:
        return source.read()
    except (OSError, GraftError) as error:
        said = str(error) if isinstance(error, GraftError) else f"{type(error).__name__}: {error}"
        raise UnreadableError(said.replace("\n", " ")) from error
