"""The local page and what it asks for: cases, their pictures, decisions.

Only this machine's own browser may use it, and in it whoever knows the secret of the address (`Door`).
Pictures are asked for by number, never by path; what writes must name this host, come from this page's
own origin and know the token that stands in it.
"""

import io
import secrets
from dataclasses import asdict
from pathlib import Path
from typing import Any

from fastapi import APIRouter, Depends, FastAPI, HTTPException, Request
from fastapi.responses import HTMLResponse, JSONResponse, Response
from pydantic import BaseModel, ConfigDict, Field
from starlette.middleware.trustedhost import TrustedHostMiddleware
from starlette.responses import RedirectResponse
from starlette.types import ASGIApp, Receive, Scope, Send

from graft.apps.review.cases import Action, Cases, Decisions, ImageFile
from graft.apps.serve.middleware import SecurityHeaders
from graft.core.errors import GraftError
from graft.images.decode import UnreadableError, open_upright

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


PAGE = Path(__file__).with_name("page.html")
HOSTS = ["127.0.0.1", "localhost"]
SIDE = 1200
"""Longest side of a picture on the page, in pixels; larger ones are scaled."""


class Decided(BaseModel):
    """What the page says was decided."""

    model_config = ConfigDict(extra="forbid")

    case: int = Field(ge=0)
    side: int = Field(default=0, ge=0, le=1)
    action: Action
    labels: list[str] = []


def make_app(cases: Cases, decisions: Decisions, root: Path, secret: str) -> FastAPI:
    """Make the application.

    Args:
        root: the folder that the cases' paths start from.
        secret: what the address holds that is to be opened.
    """
    token = secrets.token_urlsafe(24)
    app = FastAPI(openapi_url=None)  # and with it no docs page, which would be fetched from elsewhere
    app.add_middleware(Door, secret=secret)
    app.add_middleware(TrustedHostMiddleware, allowed_hosts=HOSTS, www_redirect=False)
    app.add_middleware(SecurityHeaders)  # what is added last is asked first

    @app.exception_handler(GraftError)
    def said(_: Request, error: GraftError) -> JSONResponse:
        return JSONResponse({"detail": str(error)}, status_code=409)

    @app.get("/")
    def page() -> HTMLResponse:
        return _page(token)

    app.include_router(_shown(cases, decisions, root))
    app.include_router(_decided(cases, decisions, token))
    return app


def _page(token: str) -> HTMLResponse:
    """The page, under a policy that lets it run its own script and ask its own origin, nothing else."""
    nonce = secrets.token_urlsafe(16)
    text = PAGE.read_text(encoding="utf-8").replace("__TOKEN__", token).replace("__NONCE__", nonce)
    policy = (
        f"default-src 'none'; img-src 'self' data:; connect-src 'self'; style-src 'nonce-{nonce}'; "
        f"script-src 'nonce-{nonce}'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    )
    return HTMLResponse(text, headers={"Content-Security-Policy": policy})


def _shown(cases: Cases, decisions: Decisions, root: Path) -> APIRouter:
    """What is only read."""
    router = APIRouter()
    start = secrets.token_hex(4)  # in the pictures' addresses: a number means another picture after another run

    @router.get("/cases")
    def listed() -> dict[str, Any]:
        known = {"classes": cases.classes, "multi_label": cases.multi_label, "start": start}
        return known | {"rows": [asdict(case) for case in cases.rows]} | _state(decisions, None)

    @router.get("/picture/{number}/{side}")
    def image(number: int, side: int) -> Response:
        shown = _scaled(root / _at(cases, number, side).path)
        return Response(shown, media_type="image/jpeg", headers={"Cache-Control": "private, max-age=3600"})

    return router


def _decided(cases: Cases, decisions: Decisions, token: str) -> APIRouter:
    """What writes; only for the page itself."""

    def ours(request: Request) -> None:
        origin = request.headers.get("origin")
        if origin is not None and origin != f"http://{request.headers['host']}":
            raise HTTPException(403, "another page asked for this")
        if not secrets.compare_digest(request.headers.get("x-graft-token", "").encode(), token.encode()):
            raise HTTPException(403, "this page is of an earlier start of graft review; reload it")

    router = APIRouter(dependencies=[Depends(ours)])

    @router.post("/decide")
    def decide(decided: Decided) -> dict[str, Any]:
        _at(cases, decided.case, decided.side)
        decisions.decide(decided.case, decided.side, decided.action, decided.labels)
        return _state(decisions, decided.case)

    @router.post("/undo")
    def undo() -> dict[str, Any]:
        return _state(decisions, decisions.undo())

    return router


def _state(decisions: Decisions, number: int | None) -> dict[str, Any]:
    states, waiting = decisions.state()
    return {"states": [asdict(each) for each in states], "waiting": waiting, "case": number}


def _at(cases: Cases, number: int, side: int) -> ImageFile:
    """One picture of a case; there are no others to ask for."""
    if not (0 <= number < len(cases.rows) and 0 <= side < len(cases.rows[number].images)):
        raise HTTPException(404, "there is no such picture")
    return cases.rows[number].images[side]


def _scaled(file: Path) -> bytes:
    """A picture as a JPEG of at most `SIDE` pixels a side, upright."""
    try:
        image = open_upright(file, shrink_to=SIDE)
    except UnreadableError as error:
        raise HTTPException(404, f"{file.name} cannot be shown: {error}") from error
    image.thumbnail((SIDE, SIDE))
    buffer = io.BytesIO()
    image.save(buffer, "JPEG", quality=90)
    return buffer.getvalue()
