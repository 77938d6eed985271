"""Headers on every response, the token, refusals of what is cancelled, and each limit on a body by itself."""

import asyncio
from collections.abc import Iterator, Sequence

import pytest
from starlette.datastructures import Headers
from starlette.testclient import TestClient
from starlette.types import Message, Receive, Scope, Send

from graft.apps.serve.app import PAGE, PATHS, create_app
from graft.apps.serve.config import Settings
from graft.apps.serve.middleware import HEADERS, PUBLIC, BodyLimit, Problems, check_headers, content_security_policy
from graft.apps.serve.responses import ProblemError
from graft.predict.predictor import Predictor
from tests.apps.serve.colours import image_bytes
from tests.apps.serve.jumping_clock import run

TOKEN = "s3cret-token"


@pytest.fixture
def guarded(predictor: Predictor) -> Iterator[TestClient]:
    with TestClient(create_app(predictor, Settings(token=TOKEN))) as client:
        yield client


@pytest.mark.parametrize("path", [*PATHS, "/nothing"])
def test_every_response_has_the_headers(client: TestClient, path: str) -> None:
    headers = client.get(path).headers
    own = {"Content-Security-Policy": content_security_policy(PAGE)} if path == "/" else {}
    for name, value in (HEADERS | own).items():
        assert headers[name] == value
        assert len(headers.get_list(name)) == 1
    assert not [name for name in headers if name.startswith("access-control") or name == "server"]


def test_no_other_origin_is_let_in(client: TestClient) -> None:
    asked = {"Origin": "https://elsewhere.example", "Access-Control-Request-Method": "POST"}
    response = client.options("/predict", headers=asked)
    assert response.status_code == 405
    assert not [name for name in response.headers if name.startswith("access-control")]


@pytest.mark.parametrize("path", PUBLIC)
def test_public_paths_need_no_token(guarded: TestClient, path: str) -> None:
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
@pytest.mark.parametrize("path", [path for path in PATHS if path not in PUBLIC] + ["/nothing"])
def test_other_paths_want_the_token(guarded: TestClient, path: str, given: str | None) -> None:
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
        assert guarded.post("/predict", content=image_bytes(), headers=headers).status_code == 200


def test_without_the_token_no_body_is_read(guarded: TestClient) -> None:
    # the client hands bodies over whole, so one that is too large tells the order of the refusals
    headers = {"Content-Length": str(10**12), "Content-Type": "image/png"}
    assert guarded.post("/predict", content=b"x", headers=headers).status_code == 401


def test_the_policy_allows_what_the_page_holds_and_no_more() -> None:
    one, other = content_security_policy(PAGE), content_security_policy(PAGE.replace("use strict", "use  strict"))
    assert one != other
    assert "unsafe" not in one


def cancelled(begin: bool) -> list[Message]:
    """What is sent to a request that is cancelled, maybe amid its response."""
    sent: list[Message] = []

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        if begin:
            await send({"type": "http.response.start", "status": 200, "headers": []})
        raise asyncio.CancelledError

    async def receive() -> Message:
        raise AssertionError

    async def send(message: Message) -> None:
        sent.append(message)

    async def request() -> None:
        await Problems(app)({"type": "http"}, receive, send)

    asyncio.run(request())
    return sent


def test_a_request_that_a_stopping_server_cancels_is_refused() -> None:
    start, body = cancelled(begin=False)
    assert (start["status"], (b"retry-after", b"1") in start["headers"]) == (503, True)
    assert b"the server is being stopped" in body["body"]


def test_one_whose_response_has_begun_is_cut_off() -> None:
    with pytest.raises(asyncio.CancelledError):
        cancelled(begin=True)


async def read(scope: Scope, receive: Receive, send: Send) -> None:
    """Read a body and keep it in the scope."""
    scope["read"] = b""
    while True:
        message = await receive()
        scope["read"] += message.get("body", b"")
        if not message.get("more_body", False):
            return


async def sent(limits: BodyLimit, chunks: Sequence[bytes], pause: float = 0.0, **headers: str) -> bytes:
    """Send chunks, with a pause before each, and return what the app read."""
    scope: Scope = {
        "type": "http",
        "headers": [(name.replace("_", "-").encode(), value.encode()) for name, value in headers.items()],
    }
    left = list(chunks)

    async def receive() -> Message:
        await asyncio.sleep(pause)
        return {"type": "http.request", "body": left.pop(0), "more_body": bool(left)}

    async def send(_: Message) -> None: ...

    await limits(scope, receive, send)
    read: bytes = scope["read"]
    return read


def test_a_body_up_to_the_limit_is_read() -> None:
    limits = BodyLimit(read, Settings(max_body=10))
    assert run(sent(limits, [b"12345", b"67890"])) == b"1234567890"
    assert limits.held == 0


def test_a_longer_one_is_refused_however_it_is_cut_and_whatever_it_says() -> None:
    limits = BodyLimit(read, Settings(max_body=10))
    for chunks in ([b"12345678901"], [b"12345", b"678901", b"never read"]):
        with pytest.raises(ProblemError, match="over 10 bytes") as refused:
            run(sent(limits, chunks, content_length="3"))
        assert refused.value.fault.status == 413
    assert limits.held == 0


def test_bodies_together_have_a_limit() -> None:
    limits = BodyLimit(read, Settings(max_body=10, max_memory=12))

    async def two() -> list[bytes | BaseException]:
        bodies = [sent(limits, [b"12345", b"6789"], pause=0.05) for _ in range(2)]
        return await asyncio.gather(*bodies, return_exceptions=True)

    first, second = run(two())
    refusals = [one for one in (first, second) if isinstance(one, ProblemError)]
    assert [error.fault.status for error in refusals] == [503]
    assert limits.held == 0
    assert run(sent(limits, [b"0123456789"])) == b"0123456789"


def test_a_body_that_stalls_is_refused_and_one_that_flows_is_not() -> None:
    limits = BodyLimit(read, Settings(read_timeout=0.5))
    with pytest.raises(ProblemError, match="did not arrive in time; 1 bytes of it did") as refused:
        run(sent(limits, [b"1", b"2", b"3"], pause=0.4))
    assert refused.value.fault.status == 408
    flowing = [b"x" * 8192] * 4  # half a second is earned by each
    assert len(run(sent(limits, flowing, pause=0.4))) == 4 * 8192


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ([("content-length", "11")], 413),
        ([("content-length", "9" * 30)], 413),
        ([("content-length", "5"), ("transfer-encoding", "chunked")], 400),
        ([("content-encoding", "gzip")], 415),
    ],
)
def test_headers_that_are_refused(headers: list[tuple[str, str]], status: int) -> None:
    raw = [(name.encode(), value.encode("latin-1")) for name, value in headers]
    with pytest.raises(ProblemError) as refused:
        check_headers(Headers(raw=raw), 10)
    assert refused.value.fault.status == status


@pytest.mark.parametrize(
    "headers", [[], [("content-length", "10")], [("transfer-encoding", "chunked")], [("content-encoding", "identity")]]
)
def test_headers_that_are_taken(headers: list[tuple[str, str]]) -> None:
    check_headers(Headers(raw=[(name.encode(), value.encode()) for name, value in headers]), 10)
