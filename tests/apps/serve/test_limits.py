"""What a body may be: each limit by itself, around an app that only reads."""

import asyncio
from collections.abc import Sequence

import pytest
from starlette.datastructures import Headers
from starlette.types import Message, Receive, Scope, Send

from graft.apps.serve.config import Settings
from graft.apps.serve.limits import Limits, check_head, check_headers
from graft.apps.serve.problems import ProblemError
from tests.apps.serve.clock import run


async def read(scope: Scope, receive: Receive, send: Send) -> None:
    """Read a body and keep it in the scope."""
    scope["read"] = b""
    while True:
        message = await receive()
        scope["read"] += message.get("body", b"")
        if not message.get("more_body", False):
            return


async def sent(limits: Limits, chunks: Sequence[bytes], pause: float = 0.0, **headers: str) -> bytes:
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
    limits = Limits(read, Settings(max_body=10))
    assert run(sent(limits, [b"12345", b"67890"])) == b"1234567890"
    assert limits.held == 0


def test_a_longer_one_is_refused_however_it_is_cut_and_whatever_it_says() -> None:
    limits = Limits(read, Settings(max_body=10))
    for chunks in ([b"12345678901"], [b"12345", b"678901", b"never read"]):
        with pytest.raises(ProblemError, match="over 10 bytes") as refused:
            run(sent(limits, chunks, content_length="3"))
        assert refused.value.status == 413
    assert limits.held == 0


def test_bodies_together_have_a_limit() -> None:
    limits = Limits(read, Settings(max_body=10, max_memory=12))

    async def two() -> list[bytes | BaseException]:
        bodies = [sent(limits, [b"12345", b"6789"], pause=0.05) for _ in range(2)]
        return await asyncio.gather(*bodies, return_exceptions=True)

    first, second = run(two())
    said = [one for one in (first, second) if isinstance(one, ProblemError)]
    assert [error.status for error in said] == [503]
    assert limits.held == 0
    assert run(sent(limits, [b"0123456789"])) == b"0123456789"


def test_a_body_that_stalls_is_refused_and_one_that_flows_is_not() -> None:
    limits = Limits(read, Settings(read_timeout=0.5))
    with pytest.raises(ProblemError, match="did not arrive in time; 1 bytes of it did") as refused:
        run(sent(limits, [b"1", b"2", b"3"], pause=0.4))
    assert refused.value.status == 408
    flowing = [b"x" * 8192] * 4  # half a second is earned by each
    assert len(run(sent(limits, flowing, pause=0.4))) == 4 * 8192


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ([("content-length", "11")], 413),
        ([("content-length", "9" * 30)], 413),
        ([("content-length", "5"), ("content-length", "6")], 400),
        ([("content-length", "-5")], 400),
        ([("content-length", "+5")], 400),
        ([("content-length", "5, 6")], 400),
        ([("content-length", "0x5")], 400),
        ([("content-length", "²")], 400),
        ([("content-length", "5"), ("transfer-encoding", "chunked")], 400),
        ([("content-encoding", "gzip")], 415),
    ],
)
def test_headers_that_are_refused(headers: list[tuple[str, str]], status: int) -> None:
    raw = [(name.encode(), value.encode("latin-1")) for name, value in headers]
    with pytest.raises(ProblemError) as refused:
        check_headers(Headers(raw=raw), 10)
    assert refused.value.status == status


@pytest.mark.parametrize(
    "headers",
    [[], [("content-length", "10")], [("transfer-encoding", "chunked")], [("content-encoding", "identity")]],
)
def test_headers_that_are_not(headers: list[tuple[str, str]]) -> None:
    check_headers(Headers(raw=[(name.encode(), value.encode()) for name, value in headers]), 10)


@pytest.mark.parametrize(("path", "value"), [(b"/" * 16385, b""), (b"/", b"x" * 16384)])
def test_a_long_head_is_refused(path: bytes, value: bytes) -> None:
    with pytest.raises(ProblemError, match="over 16384 bytes") as refused:
        check_head(path, Headers(raw=[(b"x", value)]))
    assert refused.value.status == 431
    check_head(b"/predict", Headers(raw=[(b"x", b"y" * 16_000)]))
