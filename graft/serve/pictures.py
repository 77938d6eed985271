"""From the bytes of one upload to the pixels that the graph takes."""

from io import BytesIO

import numpy as np
from numpy.typing import NDArray
from PIL import Image, UnidentifiedImageError

from graft.decode import FORMATS, Square, UnreadableError
from graft.serve.problems import ProblemError


def pixels_of(data: bytes | bytearray, square: Square, max_pixels: int) -> NDArray[np.uint8]:
    """Decode a picture into presized pixels `[S, S, 3]`, RGB.

    Raises:
        ProblemError: 422 if it cannot be decoded, 413 if it says it is larger than `max_pixels`, of
            which only its head is read.
    """
    if not data:
        raise ProblemError(422, "the file is empty")
    try:
        with Image.open(BytesIO(data), formats=FORMATS) as image:
            width, height = image.size
    except (Image.DecompressionBombError, Image.DecompressionBombWarning):
        raise ProblemError(413, f"the picture has more than {max_pixels} pixels; send a smaller one") from None
    except UnidentifiedImageError:
        raise ProblemError(422, f"not a picture in a format that is read ({', '.join(FORMATS)})") from None
    except Exception as error:  # decoders raise whatever they like on damaged input
        raise ProblemError(422, f"the picture is damaged: {_said(error)}") from error
    if width * height > max_pixels:
        said = f"the picture has {width} x {height} pixels, more than {max_pixels}; send a smaller one"
        raise ProblemError(413, said)
    try:
        return square.read(BytesIO(data))
    except UnreadableError as error:
        cause = error.__cause__  # the message repeats its class, which says nothing to a person
        raise ProblemError(422, f"the picture is damaged: {_said(cause or error)}") from error


def _said(error: BaseException) -> str:
    """One line of an exception, without addresses of objects."""
    return str(error).replace("\n", " ").split(" <_io")[0][:200] or type(error).__name__
