"""The local page of `graft review` and `graft label`, and what it asks for: cases, their images, decisions.

Only this machine's own browser may use it, and in it whoever knows the secret of the address (`Access`).
Images are asked for by number, never by path; what writes must come from this page itself and know its token.
"""

import io
import secrets
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from threading import Lock
from typing import Any

from fastapi import Depends, FastAPI, HTTPException, Request
from fastapi.responses import HTMLResponse, JSONResponse, Response
from pydantic import BaseModel, ConfigDict, Field
from starlette.middleware.trustedhost import TrustedHostMiddleware
from starlette.responses import RedirectResponse
from starlette.types import ASGIApp, Receive, Scope, Send

from graft.apps.review.cases import Action, Case, Cases, Decisions, ImageFile
from graft.apps.serve.middleware import SecurityHeaders, content_security_policy
from graft.core.errors import GraftError
from graft.images.decode import UnreadableError, decode

PAGE = Path(__file__).with_name("page.html")
MAX_SIDE = 1200  # pixels of an image on the page; larger ones are scaled


class Access:
    """ASGI middleware that answers nobody without the secret: in the address once, in a cookie from then on."""

    def __init__(self, app: ASGIApp, secret: str) -> None:
        self.app, self.secret = app, secret

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle a request."""
        if scope["type"] != "http":
            return await self.app(scope, receive, send)
        request = Request(scope)
        # cookies know no ports: another review of this machine must not overwrite this one's
        cookie = f"graft-review-{request.url.port}"
        response: ASGIApp | Response = self.app
        if request.url.path == "/" and self._is_secret(request.query_params.get("token", "")):
            response = RedirectResponse("/", 303)  # so that the secret leaves the address bar
            response.set_cookie(cookie, self.secret, httponly=True, samesite="strict")
        elif not self._is_secret(request.cookies.get(cookie, "")):
            response = JSONResponse({"detail": "open the address that graft printed when it was started"}, 403)
        return await response(scope, receive, send)

    def _is_secret(self, value: str) -> bool:
        return secrets.compare_digest(value.encode(), self.secret.encode())


class Decision(BaseModel):
    """What a person decided on the page."""

    model_config = ConfigDict(extra="forbid")

    case: int = Field(ge=0)
    side: int = Field(default=0, ge=0, le=1)
    action: Action
    labels: list[str] = []


def create_app(
    cases: Cases, decisions: Decisions, root: Path, secret: str, more: Callable[[], list[Case]] | None = None
) -> FastAPI:
    """Return the app that shows cases of the folder `root` and takes decisions, at an address that holds a secret.

    Args:
        more: finds further cases once all are settled; without it there are no others.
    """
    token = secrets.token_urlsafe(24)
    start = secrets.token_hex(4)  # in the images' addresses: a number means another image after another run
    finding = Lock()
    app = FastAPI(openapi_url=None)  # and with it no docs page, which would be fetched from elsewhere
    app.add_middleware(Access, secret=secret)
    app.add_middleware(TrustedHostMiddleware, allowed_hosts=["127.0.0.1", "localhost"], www_redirect=False)
    app.add_middleware(SecurityHeaders)  # what is added last is outermost

    @app.exception_handler(GraftError)
    def refusal(_: Request, error: GraftError) -> JSONResponse:
        return JSONResponse({"detail": str(error)}, status_code=409)

    @app.get("/")
    def page() -> HTMLResponse:
        command = "graft review" if more is None else "graft label"
        text = PAGE.read_text(encoding="utf-8").replace("__TOKEN__", token).replace("__COMMAND__", command)
        return HTMLResponse(text, headers={"Content-Security-Policy": content_security_policy(text)})

    @app.get("/cases")
    def all_cases() -> dict[str, Any]:
        known = {"multi_label": cases.multi_label, "new_classes": cases.new_classes, "more": more is not None}
        return known | {"start": start} | _rows(cases) | _state(decisions, None)

    @app.get("/picture/{index}/{side}")
    def image(index: int, side: int) -> Response:
        jpeg = _scaled(root / _image(cases, index, side, True).path)
        return Response(jpeg, media_type="image/jpeg", headers={"Cache-Control": "private, max-age=3600"})

    def from_our_page(request: Request) -> None:
        origin = request.headers.get("origin")
        if origin is not None and origin != f"http://{request.headers['host']}":
            raise HTTPException(403, "another page asked for this")
        if not secrets.compare_digest(request.headers.get("x-graft-token", "").encode(), token.encode()):
            raise HTTPException(403, "this page is of an earlier start of graft; reload it")

    @app.post("/decide", dependencies=[Depends(from_our_page)])
    def decide(decision: Decision) -> dict[str, Any]:
        _image(cases, decision.case, decision.side)
        decisions.decide(decision.case, decision.side, decision.action, decision.labels)
        return _state(decisions, decision.case)

    @app.post("/undo", dependencies=[Depends(from_our_page)])
    def undo() -> dict[str, Any]:
        return _state(decisions, decisions.undo())

    @app.post("/more", dependencies=[Depends(from_our_page)])
    def find_more() -> dict[str, Any]:
        if more is None:
            raise HTTPException(404, "there are no other cases")
        with finding:
            if all(state.settled for state in decisions.state()[0]):  # the page may ask twice
                cases.rows.extend(more())
        return _rows(cases) | _state(decisions, None)

    return app


def _rows(cases: Cases) -> dict[str, Any]:
    return {"rows": [asdict(case) for case in cases.rows]}


def _state(decisions: Decisions, index: int | None) -> dict[str, Any]:
    states, waiting = decisions.state()
    known = {"states": [asdict(state) for state in states], "waiting": waiting, "classes": decisions.classes()}
    return known | {"case": index}


def _image(cases: Cases, index: int, side: int, only_shown: bool = False) -> ImageFile:
    """One image of a case, to be decided about or, as its neighbours, only shown; there are no others to ask for."""
    if 0 <= index < len(cases.rows):
        case = cases.rows[index]
        images = (*case.images, *(case.neighbours if only_shown else ()))
        if 0 <= side < len(images):
            return images[side]
    raise HTTPException(404, "there is no such picture")


def _scaled(file: Path) -> bytes:
    """An image as a JPEG of at most `MAX_SIDE` pixels a side, upright."""
    try:
        image = decode(file, shrink_to=MAX_SIDE).image
    except UnreadableError as error:
        raise HTTPException(404, f"{file.name} cannot be shown: {error}") from error
    image.thumbnail((MAX_SIDE, MAX_SIDE))
    buffer = io.BytesIO()
    image.save(buffer, "JPEG", quality=90)
    return buffer.getvalue()
