"""What is answered: the models that OpenAPI shows."""

from http import HTTPStatus
from typing import Any, Self

from pydantic import BaseModel, ConfigDict, Field
from pydantic.json_schema import models_json_schema

from graft.apps.serve.pictures import FORMATS
from graft.apps.serve.problems import MEDIA_TYPE, Fault, Problem
from graft.predict.prediction import Prediction


class Share(BaseModel):
    """A class and how probable it is."""

    label: str
    probability: float = Field(ge=0, le=1)


class Answer(BaseModel):
    """What the classifier says of one picture, or why it says nothing."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "file": "cell.png",
                    "label": "functional",
                    "sure": True,
                    "probability": 0.93,
                    "labels": ["functional"],
                    "probabilities": [
                        {"label": "functional", "probability": 0.93},
                        {"label": "defective", "probability": 0.07},
                    ],
                    "error": None,
                }
            ]
        }
    )

    file: str | None = Field(description="Name of the file as sent; null without.")
    label: str | None = Field(
        description="The class that the picture shows, or the most probable of several; null if none."
    )
    sure: bool = Field(description="Whether it is sure enough to answer; always, where several may hold or none.")
    probability: float | None = Field(description="Of the most probable class, whether it holds or not.")
    labels: list[str] = Field(description="All classes that hold, in the order of the classes.")
    probabilities: list[Share] = Field(description="Of every class, the most probable first.")
    error: Fault | None = Field(description="Why the picture was not classified; null if it was.")

    @classmethod
    def of(cls, file: str | None, found: Prediction) -> Self:
        """Return what was found of a picture, as an answer."""
        shares = [Share(label=name, probability=chance) for name, chance in found.top(len(found.probabilities))]
        return cls(
            file=file,
            label=found.label,
            sure=found.sure,
            probability=found.probability,
            labels=list(found.labels),
            probabilities=shares,
            error=None,
        )

    @classmethod
    def refused(cls, file: str | None, error: Fault) -> Self:
        """Return the answer for a picture that cannot be classified."""
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


TEXT = "Classify pictures. Every refusal is a problem as RFC 9457 has it, and says what would be right."

ALWAYS = (400, 408, 413, 415, 431)
"""Refusals that any path may give, for each may be sent a body."""

GUARDED = (*ALWAYS, 401)
"""Those of paths that may want a token."""

OF_BODIES = (*GUARDED, 422, 500, 503, 504)

_PICTURE = {"type": "string", "format": "binary"}

BODY: dict[str, Any] = {
    "required": True,
    "description": "Several pictures as files of a form, whatever the fields are called, or one picture as it is.",
    "content": {
        "multipart/form-data": {
            "schema": {
                "type": "object",
                "properties": {"pictures": {"type": "array", "items": _PICTURE, "minItems": 1}},
                "required": ["pictures"],
            },
        },
        **{f"image/{name.lower()}": {"schema": _PICTURE} for name in FORMATS},
    },
}

_HEADERS: dict[int, dict[str, Any]] = {
    401: {"WWW-Authenticate": {"description": "What is wanted: Bearer.", "schema": {"type": "string"}}},
    503: {"Retry-After": {"description": "Seconds after which to try again.", "schema": {"type": "integer"}}},
}

_EXAMPLES: dict[int, str] = {
    400: "the form breaks off before its last boundary",
    401: "this server wants its token, in the header Authorization: Bearer TOKEN",
    408: "the body did not arrive in time; 1024 bytes of it did",
    413: "the body is over 33554432 bytes; send fewer or smaller pictures",
    415: "Content-Type is text/plain; send multipart/form-data with pictures, or one picture under its own type",
    422: "the picture is damaged: OSError: image file is truncated",
    431: "path and headers are over 16384 bytes",
    500: "the server failed; its log says why",
    503: "64 pictures wait already and 64 may; try again",
    504: "no answer within 30 s; try again",
}


def problems(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """Describe refusals for FastAPI's ``responses``."""
    return {
        status: {
            "description": HTTPStatus(status).phrase,
            "content": {
                MEDIA_TYPE: {
                    "schema": {"$ref": "#/components/schemas/Problem"},
                    "example": {
                        "type": "about:blank",
                        "status": status,
                        "title": HTTPStatus(status).phrase,
                        "detail": _EXAMPLES[status],
                    },
                }
            },
            "headers": _HEADERS.get(status, {}),
        }
        for status in statuses
    }


def schemas() -> dict[str, Any]:
    """Return the schemas of a refusal and its parts, by name."""
    _, described = models_json_schema([(Problem, "serialization")], ref_template="#/components/schemas/{model}")
    found: dict[str, Any] = described["$defs"]
    return found
