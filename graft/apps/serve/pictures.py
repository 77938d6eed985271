"""From the bytes of one upload to the pixels that the graph takes."""

from io import BytesIO

import numpy as np
from numpy.typing import NDArray

from graft.apps.serve.problems import ProblemError
from graft.images.decode import NotAnImageError, Square, TooManyPixelsError, UnreadableError

FORMATS = ("JPEG", "PNG", "WEBP", "GIF", "AVIF", "BMP", "TIFF")
"""What is taken: what people have. Others that are read from a disk are decoded in plain Python or by slow
libraries, and a small file of theirs keeps a thread for minutes."""


def pixels_of(data: bytes | bytearray, square: Square, max_pixels: int) -> NDArray[np.uint8]:
    """Decode a picture into presized pixels `[S, S, 3]`, RGB.

    Raises:
        ProblemError: 422 if it cannot be decoded, 413 if it says it is larger than `max_pixels`, of
            which only its head is read.
    """
    if not data:
        raise ProblemError(422, "the file is empty")
    try:
        return square.read(BytesIO(data), FORMATS, max_pixels)
    except TooManyPixelsError as error:
        raise ProblemError(413, f"{error}; send a smaller picture") from None
    except NotAnImageError as error:
        raise ProblemError(422, str(error)) from None
    except UnreadableError as error:
        raise ProblemError(422, f"the picture is damaged: {error}"[:300]) from error
