"""What OpenAPI says beside the models: the two kinds of body, and the refusals."""

from http import HTTPStatus
from typing import Any

from pydantic.json_schema import models_json_schema

from graft.serve.pictures import FORMATS
from graft.serve.problems import MEDIA_TYPE, Problem

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
