"""Refusals: each says its reason in JSON, whatever refused.

Source: RFC 9457, Problem Details for HTTP APIs.
"""

import asyncio
import logging
from collections.abc import Mapping, Sequence
from http import HTTPStatus

from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel, Field
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from graft.core.errors import GraftError

MEDIA_TYPE = "application/problem+json"

log = logging.getLogger("uvicorn.error")


class Fault(BaseModel):
    """What went wrong."""

    status: int = Field(ge=400, le=599, description="HTTP status that fits.", examples=[422])
    title: str = Field(description="What the status means.", examples=["Unprocessable Entity"])
    detail: str = Field(description="What went wrong here, and what would be right.", examples=["no picture was sent"])


class Refused(BaseModel):
    """A picture that was not classified."""

    file: str | None = Field(description="Name of the file as sent; null without.", examples=["notes.txt"])
    error: Fault


class Problem(Fault):
    """Why a whole request was refused (RFC 9457)."""

    type: str = Field(default="about:blank", description="The status says all there is to say.")
    pictures: list[Refused] | None = Field(default=None, description="Of each picture, if it is the pictures.")


class ProblemError(GraftError):
    """A request, or one picture of it, that cannot be answered."""

    def __init__(
        self,
        status: int,
        detail: str,
        headers: Mapping[str, str] | None = None,
        pictures: Sequence[Refused] | None = None,
    ) -> None:
        super().__init__(detail)
        self.status, self.detail, self.headers, self.pictures = status, detail, headers, pictures

    @property
    def fault(self) -> Fault:
        """What is said of one picture."""
        return Fault(status=self.status, title=_title(self.status), detail=self.detail)

    def response(self) -> Response:
        """What is said of a whole request."""
        problem = Problem(**self.fault.model_dump(), pictures=None if self.pictures is None else list(self.pictures))
        content = problem.model_dump_json(exclude_none=self.pictures is None)
        return Response(content, self.status, self.headers, MEDIA_TYPE)


def busy(detail: str) -> ProblemError:
    """Return the refusal of what may be welcome a second later."""
    return ProblemError(503, detail, {"Retry-After": "1"})


class Problems:
    """ASGI middleware that answers every exception which the app below it did not answer."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request."""
        started = False

        async def watched(message: Message) -> None:
            nonlocal started
            started = started or message["type"] == "http.response.start"
            await send(message)

        try:
            await self.app(scope, receive, watched)
        except ClientDisconnect:
            return  # nobody is left to be answered
        except asyncio.CancelledError:
            if scope["type"] != "http" or started:
                raise
            await busy("the server is being stopped").response()(scope, receive, send)
        except Exception as error:
            if scope["type"] != "http" or started:
                raise
            if not isinstance(error, ProblemError):
                log.exception("a request failed")
                error = ProblemError(500, "the server failed; its log says why")
            await error.response()(scope, receive, send)


async def of_http(request: Request, error: Exception) -> Response:
    """Turn what the router raises (404, 405) into a problem."""
    assert isinstance(error, HTTPException)
    path = request.scope["path"][:100]
    said = {404: f"there is nothing at {path}", 405: f"{path} does not take {request.method[:20]}"}
    return ProblemError(error.status_code, said.get(error.status_code, str(error.detail)), error.headers).response()


async def of_validation(request: Request, error: Exception) -> Response:
    """Turn parameters that do not fit into a problem."""
    assert isinstance(error, RequestValidationError)
    said = (f"{'.'.join(map(str, problem['loc']))}: {problem['msg']}" for problem in error.errors())
    return ProblemError(422, "; ".join(said)).response()


def _title(status: int) -> str:
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return "Error"
