"""Pictures out of a request's body, kept in memory: nothing of them ever touches the disk.

Frameworks spool large uploads to temporary files. Here the parser's events go straight into byte
strings, while the body comes in and under the limits that `limits` holds it to.
"""

from dataclasses import dataclass, field

from python_multipart.exceptions import FormParserError
from python_multipart.multipart import MultipartParser, parse_options_header
from starlette.requests import Request

from graft.apps.serve.problems import ProblemError

NAME = 255
"""Characters of a file's name that are echoed, at most."""


@dataclass(slots=True)
class Upload:
    """A picture as it came.

    Attributes:
        name: of its file, printable characters only and never used as a path; None without.
        data: bytes of the file.
    """

    name: str | None
    data: bytearray = field(default_factory=bytearray)


async def read_uploads(request: Request, max_files: int) -> list[Upload]:
    """Read all pictures of a request.

    Raises:
        ProblemError: no picture, too many, a body that is not what its Content-Type says, or a
            Content-Type that is not taken.
    """
    given = request.headers.getlist("content-type")
    kind, options = parse_options_header(given[0] if len(given) == 1 else None)
    if kind == b"multipart/form-data":
        uploads = await _parts(request, options.get(b"boundary"), max_files)
    elif kind.startswith(b"image/"):
        uploads = [Upload(None)]
        async for chunk in request.stream():
            uploads[0].data += chunk
    else:
        wanted = "multipart/form-data with pictures, or one picture under its own type, such as image/jpeg"
        raise ProblemError(415, f"Content-Type is {', '.join(given)[:100] or 'not given'}; send {wanted}")
    if not uploads:
        raise ProblemError(422, "the form holds no picture")
    if uploads[0].name is None and not uploads[0].data:
        raise ProblemError(422, "the body is empty; send a picture")
    return uploads


def clean(name: bytes) -> str:
    """Return a file's name fit to be shown: printable, on one line, not too long."""
    text = name.decode("utf-8", errors="replace")
    return "".join(char if char.isprintable() else "\N{REPLACEMENT CHARACTER}" for char in text)[:NAME]


async def _parts(request: Request, boundary: bytes | None, max_files: int) -> list[Upload]:
    if not boundary:
        raise ProblemError(400, "Content-Type: multipart/form-data needs its boundary")
    try:
        form = Form(boundary, max_files)
        async for chunk in request.stream():
            form.write(chunk)
    except FormParserError as error:
        raise ProblemError(400, f"the body is not the form that its Content-Type says: {error}") from error
    if not form.ended:
        raise ProblemError(400, "the form breaks off before its last boundary")
    return form.uploads


class Form:
    """A form of files, parsed as it comes.

    Attributes:
        uploads: the files so far.
        ended: whether the last boundary was seen.
    """

    def __init__(self, boundary: bytes, max_files: int) -> None:
        self.uploads: list[Upload] = []
        self.ended = False
        self._max_files = max_files
        self._name, self._value, self._disposition = bytearray(), bytearray(), b""
        self._parser = MultipartParser(
            boundary,
            {
                "on_part_begin": self._begin,
                "on_header_field": self._header_name,
                "on_header_value": self._header_value,
                "on_header_end": self._header_end,
                "on_headers_finished": self._headers_finished,
                "on_part_data": self._data,
                "on_end": self._end,
            },
        )

    def write(self, chunk: bytes) -> None:
        """Parse some more.

        Raises:
            ProblemError: a field that is no file, or more files than may be.
            FormParserError: not a form.
        """
        if chunk and not self.ended:  # what follows the last boundary means nothing
            self._parser.write(chunk)

    def _begin(self) -> None:
        self._disposition = b""

    def _header_name(self, data: bytes, start: int, end: int) -> None:
        self._name += data[start:end]

    def _header_value(self, data: bytes, start: int, end: int) -> None:
        self._value += data[start:end]

    def _header_end(self) -> None:
        if self._name.lower() == b"content-disposition":
            self._disposition = bytes(self._value)
        self._name, self._value = bytearray(), bytearray()

    def _headers_finished(self) -> None:
        kind, options = parse_options_header(self._disposition)
        if kind != b"form-data" or b"filename" not in options:
            field = clean(options.get(b"name", b""))
            raise ProblemError(422, f"the part {field!r} is no file; send files only")
        if len(self.uploads) == self._max_files:
            raise ProblemError(413, f"at most {self._max_files} pictures a request")
        self.uploads.append(Upload(clean(options[b"filename"])))

    def _data(self, data: bytes, start: int, end: int) -> None:
        self.uploads[-1].data += memoryview(data)[start:end]

    def _end(self) -> None:
        self.ended = True
