"""Answers are the predictions; the OpenAPI description is true of answers and problems alike."""

import json
from collections.abc import Iterator
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
from graft.apps.serve.config import Settings
from graft.apps.serve.middleware import PUBLIC
from graft.apps.serve.responses import PROBLEM_TYPE, Answer
from graft.predict.prediction import Prediction
from graft.predict.predictor import Predictor
from tests.apps.serve.live import PATIENCE, live

pytestmark = pytest.mark.slow

PROBABILITIES = {"a": 0.5, "b": 0.25, "c": 0.75}


@pytest.mark.parametrize(
    "prediction",
    [
        Prediction("c", ("c",), 0.75, PROBABILITIES),
        Prediction(None, (), 0.75, PROBABILITIES, sure=False),
        Prediction("c", ("a", "c"), 0.75, PROBABILITIES),
        Prediction(None, (), 0.75, PROBABILITIES),
    ],
    ids=["sure", "not sure", "several", "none of several"],
)
def test_an_answer_says_what_the_prediction_says(prediction: Prediction) -> None:
    answer = Answer.of(prediction, file="x.png")
    assert (answer.file, answer.error) == ("x.png", None)
    assert (answer.label, tuple(answer.labels)) == (prediction.label, prediction.labels)
    assert (answer.probability, answer.sure) == (prediction.probability, prediction.sure)
    shares = [(share.label, share.probability) for share in answer.probabilities]
    assert shares == [("c", 0.75), ("a", 0.5), ("b", 0.25)]


CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
]


@pytest.fixture(scope="module")
def port(predictor: Predictor) -> Iterator[int]:
    with live(predictor, Settings(max_body=200_000)) as port:
        yield port


@pytest.mark.parametrize("mode", [GenerationMode.POSITIVE, GenerationMode.NEGATIVE])
def test_requests_made_up_from_the_description_get_what_it_promises(port: int, mode: GenerationMode) -> None:
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


def test_every_refusal_is_described(client: TestClient) -> None:
    described = client.get("/openapi.json").json()
    assert "Problem" in described["components"]["schemas"]
    for path, operations in described["paths"].items():
        for operation in operations.values():
            for status, response in operation["responses"].items():
                if int(status) >= 400:
                    reference = {"$ref": "#/components/schemas/Problem"}
                    assert response["content"] == {PROBLEM_TYPE: {"schema": reference}}, path
            assert ("401" in operation["responses"]) is (path not in PUBLIC)
            assert all(
                "Retry-After" in operation["responses"][busy]["headers"] for busy in {"503"} & {*operation["responses"]}
            )
    body = described["paths"]["/predict"]["post"]["requestBody"]["content"]
    assert {"multipart/form-data", "image/jpeg", "image/png"} <= set(body)


def test_nothing_points_to_another_server(client: TestClient) -> None:
    description = json.dumps(client.get("/openapi.json").json())
    assert "http://" not in description
    assert "https://" not in description
