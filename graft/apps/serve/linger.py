"""Let a client that still sends hear why it was refused.

A connection closed while bytes are under way is reset, and the answer is lost with it. So the answer
goes out, what still comes is read and dropped for a moment, and only then is the connection closed.
Closing it also ends bodies that nobody reads, which uvicorn would take in for ever.
"""

import asyncio
from contextlib import suppress

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

SECONDS = 2.0
BYTES = 64 * 2**20
"""Of what is dropped, at most."""


class Linger:
    """ASGI middleware that closes the connection behind a body which was not read to its end."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        ended = headers.get("content-length", "0") == "0" and "transfer-encoding" not in headers

        async def watched() -> Message:
            nonlocal ended
            message = await receive()
            ended = ended or not message.get("more_body", False)  # so is a disconnected client's
            return message

        async def closing(message: Message) -> None:
            if ended:
                await send(message)
            elif message["type"] == "http.response.start":
                await send({**message, "headers": [*message["headers"], (b"connection", b"close")]})
            elif message.get("more_body", False):
                await send(message)
            else:
                await send({**message, "more_body": True})
                await _drop(receive)
                await send({"type": "http.response.body", "body": b""})

        await self.app(scope, watched, closing)


async def _drop(receive: Receive) -> None:
    dropped = 0
    with suppress(TimeoutError):
        async with asyncio.timeout(SECONDS):
            while dropped < BYTES:
                message = await receive()
                if not message.get("more_body", False):
                    return
                dropped += len(message.get("body", b""))
