"""Only whoever was told the address comes in: a secret in it, and then in a cookie.

The loopback interface is open to every user and process of the machine; without the secret any of them
could see the pictures and write corrections.
"""

import secrets

from starlette.requests import Request
from starlette.responses import JSONResponse, RedirectResponse, Response
from starlette.types import ASGIApp, Receive, Scope, Send

ASKED = "token"
"""The part of the printed address that holds the secret."""


def address(host: str, port: int, secret: str) -> str:
    """What is to be opened."""
    return f"http://{host}:{port}/?{ASKED}={secret}"


class Door:
    """ASGI middleware that answers nobody without the secret, whatever is asked for."""

    def __init__(self, app: ASGIApp, secret: str) -> None:
        self.app, self.secret = app, secret

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request."""
        if scope["type"] != "http":
            return await self.app(scope, receive, send)
        request = Request(scope)
        # cookies know no ports: another review of this machine must not overwrite this one's
        cookie = f"graft-review-{request.url.port}"
        answer: ASGIApp | Response = self.app
        if request.url.path == "/" and self._known(request.query_params.get(ASKED, "")):
            answer = RedirectResponse("/", 303)  # so that the secret leaves the address bar
            answer.set_cookie(cookie, self.secret, httponly=True, samesite="strict")
        elif not self._known(request.cookies.get(cookie, "")):
            answer = JSONResponse({"detail": "open the address that graft review printed when it was started"}, 403)
        return await answer(scope, receive, send)

    def _known(self, given: str) -> bool:
        return secrets.compare_digest(given.encode(), self.secret.encode())
