"""What the server responds: answers and problems, as JSON and as OpenAPI describes them.

Source: RFC 9457, Problem Details for HTTP APIs.
"""

from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Any, Self

from pydantic import BaseModel, Field
from pydantic.json_schema import models_json_schema
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from graft.core.errors import GraftError
from graft.predict.prediction import Prediction

FORMATS = ("JPEG", "PNG", "WEBP", "GIF", "AVIF", "BMP", "TIFF")
"""What is accepted: what people have. Others that are read from a disk are decoded in plain Python or by slow
libraries, and a small file of theirs keeps a thread for minutes."""

PROBLEM_TYPE = "application/problem+json"


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


class Share(BaseModel):
    """A class and how probable it is."""

    label: str = Field(examples=["functional"])
    probability: float = Field(ge=0, le=1, examples=[0.93])


class Answer(BaseModel):
    """What the classifier says of one picture, or why it says nothing."""

    file: str | None = Field(description="Name of the file as sent; null without.", examples=["cell.png"])
    label: str | None = Field(
        description="The class that the picture shows, or the most probable of several; null if none.",
        examples=["functional"],
    )
    sure: bool = Field(description="Whether it is sure enough to answer; always, where several may hold or none.")
    probability: float | None = Field(
        description="Of the most probable class, whether it holds or not.", examples=[0.93]
    )
    labels: list[str] = Field(
        description="All classes that hold, in the order of the classes.", examples=[["functional"]]
    )
    probabilities: list[Share] = Field(description="Of every class, the most probable first.")
    error: Fault | None = Field(description="Why the picture was not classified; null if it was.")

    @classmethod
    def of(cls, file: str | None, prediction: Prediction) -> Self:
        """Return the answer for a classified image."""
        shares = prediction.top(len(prediction.probabilities))
        return cls(
            file=file,
            label=prediction.label,
            sure=prediction.sure,
            probability=prediction.probability,
            labels=list(prediction.labels),
            probabilities=[Share(label=label, probability=probability) for label, probability in shares],
            error=None,
        )

    @classmethod
    def refused(cls, file: str | None, error: Fault) -> Self:
        """Return the answer for an image that cannot be classified."""
        return cls(file=file, label=None, sure=False, probability=None, labels=[], probabilities=[], error=error)


class Answers(BaseModel):
    """What the classifier says of each picture, in the order in which they were sent."""

    pictures: list[Answer]


class Limit(BaseModel):
    """What a client has to keep to."""

    body: int = Field(description="Bytes a request.", examples=[33554432])
    files: int = Field(description="Pictures a request.", examples=[16])
    pixels: int = Field(description="Width times height of a picture.", examples=[32000000])


class About(BaseModel):
    """What the classifier tells apart, and what may be sent to it."""

    classes: list[str] = Field(examples=[["defective", "functional"]])
    multi_label: bool = Field(description="Whether any number of classes may hold for a picture.")
    threshold: float | None = Field(description="From which probability a class holds, where several may.")
    abstain_below: float | None = Field(description="Below which probability the classifier is not sure.")
    limits: Limit


class State(BaseModel):
    """Whether the server lives, or is ready for pictures."""

    status: str = Field(examples=["ok"])


class ProblemError(GraftError):
    """A request, or one image of it, that is refused."""

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
        """The refusal of one image."""
        return Fault(status=self.status, title=HTTPStatus(self.status).phrase, detail=self.detail)

    def response(self) -> Response:
        """The refusal of a whole request."""
        problem = Problem(**self.fault.model_dump(), pictures=None if self.pictures is None else list(self.pictures))
        content = problem.model_dump_json(exclude_none=self.pictures is None)
        return Response(content, self.status, self.headers, PROBLEM_TYPE)


def busy(detail: str) -> ProblemError:
    """Return the refusal of what may be welcome a second later."""
    return ProblemError(503, detail, {"Retry-After": "1"})


async def routing_problem(request: Request, error: Exception) -> Response:
    """Turn what the router raises (404, 405) into a problem."""
    assert isinstance(error, HTTPException)
    path = request.scope["path"][:100]
    details = {404: f"there is nothing at {path}", 405: f"{path} does not take {request.method[:20]}"}
    detail = details.get(error.status_code, str(error.detail))
    return ProblemError(error.status_code, detail, error.headers).response()


ANY_PATH = (400, 408, 413, 415)
"""Problems of every path, for each may be sent a body."""

WITH_TOKEN = (*ANY_PATH, 401)
"""Problems of paths that may want a token."""

_IMAGE = {"type": "string", "format": "binary"}

PREDICT_BODY: dict[str, Any] = {
    "required": True,
    "description": "Several pictures as files of a form, whatever the fields are called, or one picture as it is.",
    "content": {
        "multipart/form-data": {
            "schema": {
                "type": "object",
                "properties": {"pictures": {"type": "array", "items": _IMAGE, "minItems": 1}},
                "required": ["pictures"],
            },
        },
        **{f"image/{name.lower()}": {"schema": _IMAGE} for name in FORMATS},
    },
}

_HEADERS: dict[int, dict[str, Any]] = {
    401: {"WWW-Authenticate": {"description": "What is wanted: Bearer.", "schema": {"type": "string"}}},
    503: {"Retry-After": {"description": "Seconds after which to try again.", "schema": {"type": "integer"}}},
}

_DETAILS = {
    400: "the form breaks off before its last boundary",
    401: "this server wants its token, in the header Authorization: Bearer TOKEN",
    408: "the body did not arrive in time; 1024 bytes of it did",
    413: "the body is over 33554432 bytes; send fewer or smaller pictures",
    415: "Content-Type is text/plain; send multipart/form-data with pictures, or one picture under its own type",
    422: "the picture is damaged: OSError: image file is truncated",
    500: "the server failed; its log says why",
    503: "64 pictures wait already and 64 may; try again",
    504: "no answer within 30 s; try again",
}


def describe_problems(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """Return what FastAPI's ``responses`` takes to describe problems of these statuses."""
    schema = {"$ref": "#/components/schemas/Problem"}
    return {
        status: {
            "description": HTTPStatus(status).phrase,
            "content": {PROBLEM_TYPE: {"schema": schema, "example": _example(status)}},
            "headers": _HEADERS.get(status, {}),
        }
        for status in statuses
    }


def _example(status: int) -> dict[str, Any]:
    return Problem(status=status, title=HTTPStatus(status).phrase, detail=_DETAILS[status]).model_dump(
        exclude_none=True
    )


def problem_schemas() -> dict[str, Any]:
    """Return the JSON schemas of a problem and its parts, by name."""
    _, described = models_json_schema([(Problem, "serialization")], ref_template="#/components/schemas/{model}")
    definitions: dict[str, Any] = described["$defs"]
    return definitions
