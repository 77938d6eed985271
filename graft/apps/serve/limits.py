"""Limits on a request's body: its size, the time it takes, and what all bodies together hold."""

import asyncio

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from graft.apps.serve.config import Settings
from graft.apps.serve.problems import ProblemError, busy

RATE = 16 * 1024
"""Bytes a second: a body that flows faster may take longer than the time for reading."""

HEAD = 16 * 1024
"""Bytes of a request's path and headers: h11 has this limit too, but only for a head that comes in pieces."""


class Limits:
    """ASGI middleware that counts a body as the app below reads it, and refuses what goes beyond."""

    def __init__(self, app: ASGIApp, settings: Settings) -> None:
        self.app, self.settings = app, settings
        self.held = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request.

        Raises:
            ProblemError: headers that contradict each other, or a body over a limit.
        """
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        check_head(scope.get("raw_path") or b"", headers)
        check_headers(headers, self.settings.max_body)
        began, taken, ended = asyncio.get_running_loop().time(), 0, False

        async def counted() -> Message:
            nonlocal taken, ended
            if ended:
                return await receive()
            try:
                async with asyncio.timeout_at(began + self.settings.read_timeout + taken / RATE):
                    message = await receive()
            except TimeoutError:
                raise ProblemError(408, f"the body did not arrive in time; {taken} bytes of it did") from None
            size = len(message.get("body", b""))
            taken, self.held = taken + size, self.held + size
            ended = not message.get("more_body", False)
            if taken > self.settings.max_body:
                raise too_large(self.settings.max_body)
            if self.held > self.settings.max_memory:
                raise busy("too much is being sent at once; try again")
            return message

        try:
            await self.app(scope, counted, send)
        finally:
            self.held -= taken


def check_head(path: bytes, headers: Headers) -> None:
    """Refuse a long head.

    Raises:
        ProblemError: 431.
    """
    if len(path) + sum(len(name) + len(value) for name, value in headers.raw) > HEAD:
        raise ProblemError(431, f"path and headers are over {HEAD} bytes", {"Connection": "close"})


def check_headers(headers: Headers, max_body: int) -> None:
    """Refuse a body by what its headers say of it.

    Raises:
        ProblemError: 400 for two statements of its length, 413 if too long, 415 if compressed.
    """
    lengths = headers.getlist("content-length")
    if "transfer-encoding" in headers and lengths:
        raise ProblemError(400, "Content-Length and Transfer-Encoding contradict each other; send one of them")
    if len(set(lengths)) > 1 or not all(length.isascii() and length.isdigit() for length in lengths):
        raise ProblemError(400, "Content-Length must be one number")
    if lengths and int(lengths[0]) > max_body:
        raise too_large(max_body)
    if headers.get("content-encoding", "identity").lower() != "identity":
        raise ProblemError(415, "a compressed body is not taken; send it without Content-Encoding")


def too_large(max_body: int) -> ProblemError:
    """Return the refusal of a body."""
    return ProblemError(413, f"the body is over {max_body} bytes; send fewer or smaller pictures")
