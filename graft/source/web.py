"""Read a file over http(s), through aiohttp on fsspec's own event loop.

fsspec's own http files are not used: they hide the headers by which a download is resumed.
"""

import re
import socket
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from typing import TypeVar

import aiohttp
from fsspec.asyn import get_loop, sync

from graft.core.addresses import shown
from graft.core.errors import SourceError
from graft.source.stream import CHUNK, Facts, InterruptedFetchError, Stream

LATER = (408, 425, 429)
"""Statuses of the 400s that ask to come again."""

ADVICE = {
    401: "it wants a login; fetch the file yourself and name it in its place",
    403: "it refuses access; has a signed address expired, or does it want a login?",
    404: "nothing lies at this address",
    410: "what lay at this address is gone for good",
}

LASTING: tuple[tuple[type[Exception], str], ...] = (
    (aiohttp.ClientSSLError, "its certificate cannot be trusted"),
    (aiohttp.TooManyRedirects, "leads in a circle of redirects"),
    (ValueError, "is no valid address"),
)
PASSING: tuple[tuple[type[Exception], str], ...] = (
    (socket.gaierror, "its host cannot be looked up; is this machine online?"),
    (ConnectionRefusedError, "the host refuses the connection"),
    (TimeoutError, "no answer in time"),
)

SPAN = re.compile(r"bytes (?P<first>\d+)-\d+/(?P<size>\d+)$")

Result = TypeVar("Result")


@contextmanager
def open_web(uri: str, start: int, stall: float) -> Iterator[Stream]:
    """Yield the file at an address from a byte on, if the server can skip, else from its beginning.

    Args:
        uri: ``http://`` or ``https://``; a redirect from https to http is refused.
        start: the first byte wanted.
        stall: seconds of silence after which the server is given up.

    Raises:
        InterruptedFetchError: it may go better another time: no connection, no answer, status 5xx.
        SourceError: it will not: status 4xx, a certificate that is not valid, no such host.
    """
    session = sync(get_loop(), _session, stall)
    try:
        response = _asked(uri, session.get, uri, headers={"Range": f"bytes={start}-"} if start else {})
        try:
            yield _stream(uri, start, response)
        finally:
            sync(get_loop(), _close, response)
    finally:
        sync(get_loop(), session.close)


def _stream(uri: str, start: int, response: aiohttp.ClientResponse) -> Stream:
    def read() -> bytes:
        return _asked(uri, response.content.read, CHUNK)

    mark = response.headers.get("ETag") or response.headers.get("Last-Modified")
    if response.status == 200:
        return Stream(0, Facts(mark, response.content_length), read)
    if response.status == 206 and (span := SPAN.match(response.headers.get("Content-Range", ""))):
        return Stream(int(span["first"]), Facts(mark, int(span["size"])), read)
    if response.status in (206, 416):  # nothing lies so far behind, or who knows what: no part to go on with
        return Stream(start, Facts(), read)
    said = f"{shown(uri)}: the server answers {response.status} {response.reason or ''}".rstrip()
    if response.status >= 500 or response.status in LATER:
        raise InterruptedFetchError(said)
    raise SourceError(f"{said}: {ADVICE.get(response.status, 'is the address right?')}")


def _asked(uri: str, request: Callable[..., Awaitable[Result]], *args: object, **options: object) -> Result:
    """Await a request on the event loop, its errors said in plain words."""
    try:
        result: Result = sync(get_loop(), request, *args, **options)
    except (aiohttp.ClientError, OSError, ValueError) as error:
        raise _explained(uri, error) from error
    return result


def _explained(uri: str, error: Exception) -> SourceError:
    cause = error
    if isinstance(error, aiohttp.ClientConnectorError) and not isinstance(error, aiohttp.ClientSSLError):
        cause = error.os_error
    for kind, said in LASTING:
        if isinstance(cause, kind):
            # what other causes say is the address itself, with all that it carries
            detail = f": {cause}" if isinstance(cause, aiohttp.ClientSSLError) else ""
            return SourceError(f"{shown(uri)}: {said}{detail}")
    if isinstance(cause, socket.gaierror) and cause.errno != socket.EAI_AGAIN:
        return SourceError(f"{shown(uri)}: unknown host; is it spelt right?")
    for kind, said in PASSING:
        if isinstance(cause, kind):
            return InterruptedFetchError(f"{shown(uri)}: {said}")
    return InterruptedFetchError(f"{shown(uri)}: the connection broke off: {error or type(error).__name__}")


async def _session(stall: float) -> aiohttp.ClientSession:
    watch = aiohttp.TraceConfig()
    watch.on_request_redirect.append(_no_downgrade)
    return aiohttp.ClientSession(
        # as curl does: the bytes as they are sent, so that sizes and ranges mean the file itself
        auto_decompress=False,
        headers={"Accept-Encoding": "identity", "User-Agent": "graft"},
        timeout=aiohttp.ClientTimeout(total=None, sock_connect=stall, sock_read=stall),
        trace_configs=[watch],
        trust_env=True,  # proxies, and logins from ~/.netrc
    )


async def _no_downgrade(_: object, __: object, asked: aiohttp.TraceRequestRedirectParams) -> None:
    target = asked.response.headers.get("Location", "")
    if asked.url.scheme == "https" and target.lower().startswith("http:"):
        raise SourceError(
            f"{shown(str(asked.url))}: redirects from https to {shown(target)}, which anyone on the way can forge"
        )


async def _close(response: aiohttp.ClientResponse) -> None:
    response.close()
