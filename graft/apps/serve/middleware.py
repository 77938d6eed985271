"""What surrounds the routes: security headers, refusals as problems, the token, and limits on bodies."""

import asyncio
import base64
import hashlib
import hmac
import logging
import re

from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from graft.apps.serve.config import Settings
from graft.apps.serve.responses import ProblemError, busy

HEADERS = {
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cache-Control": "no-store",
}
"""On every response; a page has a Content-Security-Policy of its own."""

PUBLIC = ("/", "/health", "/ready")
"""Paths that need no token: the page, which asks for it, and what a supervisor polls."""

log = logging.getLogger("uvicorn.error")


def content_security_policy(html: str) -> str:
    """Return the policy under which a page runs its own inline script and style, by their hashes, and nothing else."""
    script, style = (_hash(html, tag) for tag in ("script", "style"))
    return (
        f"default-src 'none'; script-src {script}; style-src {style}; img-src 'self' blob: data:; connect-src 'self'; "
        "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    )


def _hash(html: str, tag: str) -> str:
    (inline,) = re.findall(rf"<{tag}>(.*?)</{tag}>", html, flags=re.DOTALL)
    return f"'sha256-{base64.b64encode(hashlib.sha256(inline.encode()).digest()).decode()}'"


class SecurityHeaders:
    """ASGI middleware that adds `HEADERS` to every response, where the app did not set them itself."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle a request."""

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in HEADERS.items():
                    headers.setdefault(name, value)
            await send(message)

        await self.app(scope, receive, send_with_headers)


class Problems:
    """ASGI middleware that turns every exception which the app below it did not handle into a problem."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle a request."""
        started = False

        async def watched(message: Message) -> None:
            nonlocal started
            started = started or message["type"] == "http.response.start"
            await send(message)

        try:
            await self.app(scope, receive, watched)
        except ClientDisconnect:
            return  # nobody is left to read a response
        except (Exception, asyncio.CancelledError) as error:
            if scope["type"] != "http" or started:
                raise
            if isinstance(error, asyncio.CancelledError):  # by uvicorn, whose time for a graceful end is over
                error = busy("the server is being stopped")
            elif not isinstance(error, ProblemError):
                log.exception("a request failed")
                error = ProblemError(500, "the server failed; its log says why")
            await error.response()(scope, receive, send)


class Token:
    """ASGI middleware that refuses requests without the token, before anything of a body is read."""

    def __init__(self, app: ASGIApp, token: str | None) -> None:
        self.app = app
        self.token = None if token is None else token.encode()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle a request.

        Raises:
            ProblemError: 401, there is no token or another one.
        """
        if self.token is not None and scope["type"] == "http" and scope["path"] not in PUBLIC:
            scheme, _, credentials = Headers(scope=scope).get("authorization", "").partition(" ")
            matches = hmac.compare_digest(credentials.strip().encode(), self.token)  # as long for every wrong token
            if scheme.lower() != "bearer" or not matches:
                detail = "this server wants its token, in the header Authorization: Bearer TOKEN"
                raise ProblemError(401, detail, {"WWW-Authenticate": "Bearer"})
        await self.app(scope, receive, send)


class BodyLimit:
    """ASGI middleware that counts a body while the app below reads it: its size, its time, and what all bodies hold."""

    def __init__(self, app: ASGIApp, settings: Settings) -> None:
        self.app, self.settings = app, settings
        self.held = 0  # bytes of all bodies in memory now

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle a request.

        Raises:
            ProblemError: headers that are not taken, or a body over a limit.
        """
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        check_headers(Headers(scope=scope), self.settings.max_body)
        start, size, complete = asyncio.get_running_loop().time(), 0, False

        async def counted() -> Message:
            nonlocal size, complete
            if complete:  # all that can still come is that the client disconnects
                return await receive()
            try:
                async with asyncio.timeout_at(start + self.settings.read_timeout + size / 2**14):  # 16 KiB/s
                    message = await receive()
            except TimeoutError:
                raise ProblemError(408, f"the body did not arrive in time; {size} bytes of it did") from None
            length = len(message.get("body", b""))
            size, self.held = size + length, self.held + length
            complete = not message.get("more_body", False)
            if size > self.settings.max_body:
                raise _too_large(self.settings.max_body)
            if self.held > self.settings.max_memory:
                raise busy("too much is being sent at once; try again")
            return message

        try:
            await self.app(scope, counted, send)
        finally:
            self.held -= size


def check_headers(headers: Headers, max_body: int) -> None:
    """Refuse a body for what its headers say of it; uvicorn has refused lengths that are no number already.

    Raises:
        ProblemError: 400 for two statements of its length, 413 if it is too long, 415 if it is compressed.
    """
    length = headers.get("content-length", "0")
    if "transfer-encoding" in headers and "content-length" in headers:  # a proxy may have believed the other one
        raise ProblemError(400, "Content-Length and Transfer-Encoding contradict each other; send one of them")
    if length.isdecimal() and int(length) > max_body:
        raise _too_large(max_body)
    if headers.get("content-encoding", "identity").lower() != "identity":
        raise ProblemError(415, "a compressed body is not taken; send it without Content-Encoding")


def _too_large(max_body: int) -> ProblemError:
    return ProblemError(413, f"the body is over {max_body} bytes; send fewer or smaller pictures")
