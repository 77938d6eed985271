"""Headers that keep a browser from doing more than the page needs, and the token."""

import hmac
from collections.abc import Sequence

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from graft.apps.serve.problems import ProblemError

OPEN = ("/", "/health", "/ready")
"""Paths that need no token: the page, which asks for it, and what a supervisor polls."""

HEADERS = {
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cache-Control": "no-store",
}
"""On every answer; the page has a Content-Security-Policy of its own."""


class SecurityHeaders:
    """ASGI middleware that adds `HEADERS` to every answer, where the app did not set them itself."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request."""

        async def added(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in HEADERS.items():
                    headers.setdefault(name, value)
            await send(message)

        await self.app(scope, receive, added)


class Token:
    """ASGI middleware that lets nobody in without the token, before anything of a body is read."""

    def __init__(self, app: ASGIApp, token: str | None, opened: Sequence[str] = OPEN) -> None:
        self.app, self.opened = app, opened
        self.wanted = None if token is None else token.encode()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request.

        Raises:
            ProblemError: 401, there is no token or another one.
        """
        if self.wanted is not None and scope["type"] == "http" and scope["path"] not in self.opened:
            scheme, _, given = Headers(scope=scope).get("authorization", "").partition(" ")
            same = hmac.compare_digest(given.strip().encode(), self.wanted)  # as long for every wrong token
            if scheme.lower() != "bearer" or not same:
                said = "this server wants its token, in the header Authorization: Bearer TOKEN"
                raise ProblemError(401, said, {"WWW-Authenticate": "Bearer"})
        await self.app(scope, receive, send)
