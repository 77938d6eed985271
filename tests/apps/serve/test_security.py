from collections.abc import Iterator

import pytest
from starlette.testclient import TestClient

from graft.apps.serve import page
from graft.apps.serve.app import PATHS, create_app
from graft.apps.serve.config import Settings
from graft.apps.serve.security import HEADERS, OPEN
from graft.predict.predictor import Predictor
from tests.apps.serve.made import picture

TOKEN = "s3cret-token"


@pytest.fixture
def guarded(predictor: Predictor) -> Iterator[TestClient]:
    with TestClient(create_app(predictor, Settings(token=TOKEN))) as client:
        yield client


@pytest.mark.parametrize("path", [*PATHS, "/nothing"])
def test_every_answer_bears_the_headers(client: TestClient, path: str) -> None:
    headers = client.get(path).headers
    own = {"Content-Security-Policy": page.POLICY} if path == "/" else {}
    for name, value in (HEADERS | own).items():
        assert headers[name] == value
        assert len(headers.get_list(name)) == 1
    assert not [name for name in headers if name.startswith("access-control") or name == "server"]


def test_no_other_origin_is_let_in(client: TestClient) -> None:
    asked = {"Origin": "https://elsewhere.example", "Access-Control-Request-Method": "POST"}
    response = client.options("/predict", headers=asked)
    assert response.status_code == 405
    assert not [name for name in response.headers if name.startswith("access-control")]


@pytest.mark.parametrize("path", OPEN)
def test_some_paths_are_open(guarded: TestClient, path: str) -> None:
    assert guarded.get(path).status_code == 200


@pytest.mark.parametrize(
    "given",
    [
        None,
        "",
        "Bearer",
        "Bearer ",
        "Bearer wrong",
        f"Bearer {TOKEN}x",
        f"Bearer {TOKEN[:-1]}",
        f"Basic {TOKEN}",
        TOKEN,
    ],
)
@pytest.mark.parametrize("path", [path for path in PATHS if path not in OPEN] + ["/nothing"])
def test_others_want_the_token(guarded: TestClient, path: str, given: str | None) -> None:
    response = guarded.get(path, headers={} if given is None else {"Authorization": given})
    assert response.status_code == 401
    assert response.headers["www-authenticate"] == "Bearer"
    assert response.headers["content-type"] == "application/problem+json"
    assert TOKEN not in response.text


def test_a_token_that_is_no_ascii_is_wrong_and_no_failure(guarded: TestClient) -> None:
    response = guarded.get("/about", headers={b"Authorization": "Bearer é".encode("latin-1")})
    assert response.status_code == 401


def test_the_token_lets_in(guarded: TestClient) -> None:
    for scheme in ("Bearer", "bearer"):
        headers = {"Authorization": f"{scheme} {TOKEN}", "Content-Type": "image/png"}
        assert guarded.post("/predict", content=picture(), headers=headers).status_code == 200


def test_without_the_token_no_body_is_read(guarded: TestClient) -> None:
    # the client hands bodies over whole, so one that is too large tells the order of the refusals
    headers = {"Content-Length": str(10**12), "Content-Type": "image/png"}
    assert guarded.post("/predict", content=b"x", headers=headers).status_code == 401
