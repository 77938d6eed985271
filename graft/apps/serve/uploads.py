"""The images of a request: read into memory, never onto a disk, and decoded."""

from collections.abc import AsyncGenerator, Callable, Sequence
from io import BytesIO
from typing import NamedTuple, TypeVar

from PIL import Image
from starlette.datastructures import UploadFile
from starlette.formparsers import MultiPartException, MultiPartParser
from starlette.requests import Request

from graft.apps.serve.responses import FORMATS, ProblemError
from graft.images import decode as images
from graft.images.decode import NotAnImageError, TooManyPixelsError, UnreadableError

MAX_NAME = 255  # characters of a file's name that are echoed


class Upload(NamedTuple):
    """An image as it was sent: the printable name of its file, never used as a path, if it has one; and its bytes."""

    name: str | None
    data: bytes


class FormParser(MultiPartParser):
    """Starlette's parser, which here keeps every file in memory and refuses a form that breaks off."""

    spool_max_size = 0  # to a SpooledTemporaryFile: no size moves it to disk

    def __init__(self, request: Request, max_files: int) -> None:
        chunks = self._to_the_end(request)
        super().__init__(request.headers, chunks, max_files=max_files, max_fields=max_files, max_part_size=2**10)
        self._complete = False

    def on_end(self) -> None:
        """Note that the last boundary was read."""
        self._complete = True

    async def _to_the_end(self, request: Request) -> AsyncGenerator[bytes, None]:
        async for chunk in request.stream():
            yield chunk
        if not self._complete:
            raise MultiPartException("it breaks off before its last boundary")


async def read_uploads(request: Request, max_files: int) -> list[Upload]:
    """Read all images of a request: the files of a form, or the body itself.

    Raises:
        ProblemError: no image, too many, a Content-Type that is not taken, or a body that is not what it says.
    """
    content_type = request.headers.get("content-type", "")
    media_type = content_type.partition(";")[0].strip().lower()
    if media_type == "multipart/form-data":
        return await _read_form(request, max_files)
    if not media_type.startswith("image/"):
        accepted = "multipart/form-data with pictures, or one picture under its own type, such as image/jpeg"
        raise ProblemError(415, f"Content-Type is {content_type[:100] or 'not given'}; send {accepted}")
    body = await request.body()
    if not body:
        raise ProblemError(422, "the body is empty; send a picture")
    return [Upload(None, body)]


async def _read_form(request: Request, max_files: int) -> list[Upload]:
    try:
        form = await FormParser(request, max_files).parse()
    except (MultiPartException, UnicodeError) as error:  # the latter from an odd charset of the form
        status = 413 if str(error).startswith("Too many files") else 400
        raise ProblemError(status, f"the form cannot be read: {error}") from error
    try:
        uploads = []
        for field, part in form.multi_items():
            if not isinstance(part, UploadFile):
                raise ProblemError(422, f"the part {printable(field)!r} is no file; send files only")
            uploads.append(Upload(printable(part.filename or ""), await part.read()))
            await part.close()
    finally:
        await form.close()
    if not uploads:
        raise ProblemError(422, "the form holds no picture")
    return uploads


def printable(name: str) -> str:
    """Return a file's name fit to be shown: printable, on one line, not too long."""
    return "".join(char if char.isprintable() else "\N{REPLACEMENT CHARACTER}" for char in name)[:MAX_NAME]


Decoded = TypeVar("Decoded")


def decode(data: bytes, max_pixels: int, read: Callable[[BytesIO, Sequence[str], int], Decoded]) -> Decoded:
    """Decode an image by `read`, such as `Square.read`, which takes the file, formats, and the most pixels.

    Raises:
        ProblemError: 422 if it cannot be decoded, 413 if its header names over `max_pixels`; no more of it is read.
    """
    if not data:
        raise ProblemError(422, "the file is empty")
    try:
        return read(BytesIO(data), FORMATS, max_pixels)
    except TooManyPixelsError as error:
        raise ProblemError(413, f"{error}; send a smaller picture") from None
    except NotAnImageError as error:
        raise ProblemError(422, str(error)) from None
    except UnreadableError as error:
        raise ProblemError(422, f"the picture is damaged: {error}"[:300]) from error


def whole_image(file: BytesIO, formats: Sequence[str], max_pixels: int) -> Image.Image:
    """Return an image in its own size, upright and RGB."""
    return images.decode(file, None, formats, max_pixels).image
