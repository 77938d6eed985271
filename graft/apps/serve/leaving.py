"""Nothing is computed for a client that has left."""

import asyncio
from collections.abc import Coroutine
from typing import Any, TypeVar

from starlette.requests import ClientDisconnect
from starlette.types import Receive

Made = TypeVar("Made")


async def unless_left(receive: Receive, work: Coroutine[Any, Any, Made]) -> Made:
    """Return what some work makes; it is cancelled when the client leaves before it is done.

    Args:
        receive: of a request whose body is read: all that still comes is that the client leaves.

    Raises:
        ClientDisconnect: the client left.
    """
    working, leaving = asyncio.ensure_future(work), asyncio.ensure_future(_left(receive))
    try:
        await asyncio.wait((working, leaving), return_when=asyncio.FIRST_COMPLETED)
        if not working.done():
            raise ClientDisconnect
        return working.result()
    finally:
        working.cancel()
        leaving.cancel()


async def _left(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
