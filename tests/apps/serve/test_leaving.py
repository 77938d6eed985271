import asyncio

import pytest
from starlette.requests import ClientDisconnect
from starlette.types import Message

from graft.apps.serve.leaving import unless_left


def test_work_is_done_while_the_client_stays() -> None:
    async def stays() -> Message:
        await asyncio.Event().wait()
        raise AssertionError

    async def work() -> str:
        return "made"

    assert asyncio.run(unless_left(stays, work())) == "made"


def test_it_is_cancelled_when_the_client_leaves() -> None:
    messages: list[Message] = [{"type": "http.request", "body": b"", "more_body": False}, {"type": "http.disconnect"}]
    cancelled: list[bool] = []

    async def leaves() -> Message:
        return messages.pop(0)

    async def work() -> None:
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            cancelled.append(True)
            raise

    with pytest.raises(ClientDisconnect):
        asyncio.run(unless_left(leaves, work()))
    assert cancelled == [True]


def test_what_goes_wrong_is_told() -> None:
    async def stays() -> Message:
        await asyncio.Event().wait()
        raise AssertionError

    async def fails() -> None:
        raise ValueError("broken")

    with pytest.raises(ValueError, match="broken"):
        asyncio.run(unless_left(stays, fails()))
