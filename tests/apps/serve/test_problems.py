import asyncio

import pytest
from starlette.types import Message, Receive, Scope, Send

from graft.apps.serve.problems import Problems


def answered(begin: bool) -> list[Message]:
    """What a request is answered that is cancelled, maybe amid its answer."""
    sent: list[Message] = []

    async def cancelled(scope: Scope, receive: Receive, send: Send) -> None:
        if begin:
            await send({"type": "http.response.start", "status": 200, "headers": []})
        raise asyncio.CancelledError

    async def receive() -> Message:
        raise AssertionError

    async def send(message: Message) -> None:
        sent.append(message)

    async def request() -> None:
        await Problems(cancelled)({"type": "http"}, receive, send)

    asyncio.run(request())
    return sent


def test_a_request_that_is_cancelled_by_a_server_that_stops_is_refused() -> None:
    start, body = answered(begin=False)
    assert (start["status"], (b"retry-after", b"1") in start["headers"]) == (503, True)
    assert b"the server is being stopped" in body["body"]


def test_one_whose_answer_is_under_way_is_cut_off() -> None:
    with pytest.raises(asyncio.CancelledError):
        answered(begin=True)
