"""What the server responds: answers and problems, as JSON and as OpenAPI describes them.

Source: RFC 9457, Problem Details for HTTP APIs.
"""

from collections.abc import Mapping
from http import HTTPStatus
from typing import Any, Self

from pydantic import BaseModel, ConfigDict, Field
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from graft.core.errors import GraftError
from graft.predict.prediction import Prediction

FORMATS = ("JPEG", "PNG", "WEBP", "GIF", "AVIF", "BMP", "TIFF")
"""What people have. Others are decoded in plain Python or by slow libraries: a small file may take minutes."""

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


class Verdict(BaseModel):
    """What the classifier says of a picture or of a part of it."""

    model_config = ConfigDict(json_schema_serialization_defaults_required=True)

    label: str | None = Field(default=None, description="The class, or the most probable of several; null if none.")
    sure: bool = Field(
        default=False, description="Whether it is sure enough to answer; always, where several may hold."
    )
    probability: float | None = Field(default=None, description="Of the most probable class, whether it holds or not.")
    labels: list[str] = Field(default=[], description="All classes that hold, in the order of the classes.")
    probabilities: list[Share] = Field(default=[], description="Of every class, the most probable first.")

    @classmethod
    def of(cls, prediction: Prediction, **more: Any) -> Self:
        """Return what a prediction says."""
        shares = prediction.top(len(prediction.probabilities))
        return cls(
            label=prediction.label,
            sure=prediction.sure,
            probability=prediction.probability,
            labels=list(prediction.labels),
            probabilities=[Share(label=label, probability=probability) for label, probability in shares],
            **more,
        )


class RegionVerdict(Verdict):
    """What the classifier says of a part of a picture: a box in pixels of the upright picture."""

    x: int = Field(description="Of its left side.", examples=[120])
    y: int = Field(description="Of its upper side.", examples=[64])
    w: int = Field(description="Width.", examples=[96])
    h: int = Field(description="Height.", examples=[118])
    score: float | None = Field(description="How sure the detector is of it.", examples=[0.98])


class Answer(Verdict):
    """What the classifier says of one picture or of its regions, or why it says nothing."""

    file: str | None = Field(description="Name of the file as sent; null without.", examples=["cell.png"])
    regions: list[RegionVerdict] | None = Field(
        default=None, description="What it says of each region found; null where the whole picture is classified."
    )
    error: Fault | None = Field(default=None, description="Why the picture was not classified; null if it was.")


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
    regions: str | None = Field(description="What is classified in a picture: faces; null for all of it.")
    limits: Limit


class ProblemError(GraftError):
    """A request, or one image of it, that is refused."""

    def __init__(
        self, status: int, detail: str, headers: Mapping[str, str] | None = None, pictures: list[Refused] | None = None
    ) -> None:
        super().__init__(detail)
        self.fault = Fault(status=status, title=HTTPStatus(status).phrase, detail=detail)
        self.headers, self.pictures = headers, pictures

    def response(self) -> Response:
        """Return the response that refuses a whole request."""
        problem = Problem(**self.fault.model_dump(), pictures=self.pictures)
        content = problem.model_dump_json(exclude_none=self.pictures is None)
        return Response(content, self.fault.status, self.headers, PROBLEM_TYPE)


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
            }
        },
        **{f"image/{name.lower()}": {"schema": _IMAGE} for name in FORMATS},
    },
}

_HEADERS: dict[int, dict[str, Any]] = {
    401: {"WWW-Authenticate": {"description": "What is wanted: Bearer.", "schema": {"type": "string"}}},
    503: {"Retry-After": {"description": "Seconds after which to try again.", "schema": {"type": "integer"}}},
}


def describe_problems(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """Return what FastAPI's ``responses`` takes to describe problems of these statuses."""
    content = {PROBLEM_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}}
    return {
        status: {"description": HTTPStatus(status).phrase, "content": content, "headers": _HEADERS.get(status, {})}
        for status in statuses
    }
