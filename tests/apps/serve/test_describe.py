"""The OpenAPI description is true: requests made up from it get the answers that it promises, and never a failure."""

import json
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from schemathesis.checks import not_a_server_error
from schemathesis.core.result import Ok
from schemathesis.generation import GenerationMode
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)
from starlette.testclient import TestClient

from graft.apps.serve.app import PATHS
from graft.apps.serve.problems import MEDIA_TYPE
from graft.apps.serve.security import OPEN
from tests.apps.serve.made import PATIENCE

CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
]


@pytest.mark.parametrize("mode", [GenerationMode.POSITIVE, GenerationMode.NEGATIVE])
def test_requests_made_up_from_it_get_what_it_promises(port: int, mode: GenerationMode) -> None:
    schema = schemathesis.openapi.from_url(f"http://127.0.0.1:{port}/openapi.json", timeout=PATIENCE)
    tried = set()
    for result in schema.get_all_operations():
        assert isinstance(result, Ok), result
        operation = result.ok()
        if mode is GenerationMode.NEGATIVE and not operation.body:
            continue  # there is nothing in it that could be wrong

        @settings(
            max_examples=25,
            deadline=None,
            derandomize=True,
            database=None,
            phases=[Phase.explicit, Phase.generate],
            suppress_health_check=list(HealthCheck),
        )
        @given(case=operation.as_strategy(generation_mode=mode))
        def made_up(case: schemathesis.Case[Any]) -> None:
            case.call_and_validate(checks=CHECKS, timeout=PATIENCE)

        made_up()
        tried.add(operation.path)
    assert tried == ({"/predict"} if mode is GenerationMode.NEGATIVE else set(PATHS) - {"/openapi.json"})


def test_every_refusal_has_an_example_that_fits(client: TestClient) -> None:
    described = client.get("/openapi.json").json()
    assert "Problem" in described["components"]["schemas"]
    for path, operations in described["paths"].items():
        for operation in operations.values():
            for status, response in operation["responses"].items():
                if int(status) >= 400:
                    example = response["content"][MEDIA_TYPE]["example"]
                    assert example["status"] == int(status), path
                    assert example["detail"]
            assert ("401" in operation["responses"]) is (path not in OPEN)
            assert all(
                "Retry-After" in operation["responses"][busy]["headers"] for busy in {"503"} & {*operation["responses"]}
            )
    body = described["paths"]["/predict"]["post"]["requestBody"]["content"]
    assert {"multipart/form-data", "image/jpeg", "image/png"} <= set(body)
    answer = described["components"]["schemas"]["Answer"]
    assert set(answer["examples"][0]) == set(answer["properties"]) - {"error"}  # which is null, and left out


def test_nothing_points_to_another_server(client: TestClient) -> None:
    said = json.dumps(client.get("/openapi.json").json())
    assert "http://" not in said
    assert "https://" not in said
