"""Pictures at addresses: fetched whole, bounded in size and time."""

import signal
import threading
import time
from base64 import b64encode
from collections.abc import Callable, Iterator
from concurrent.futures import CancelledError, Future, InvalidStateError
from contextlib import contextmanager, suppress
from http.client import HTTPException, HTTPMessage
from queue import SimpleQueue
from typing import IO, Any
from urllib.error import HTTPError, URLError
from urllib.parse import SplitResult, quote, unquote, urlsplit, urlunsplit
from urllib.request import HTTPRedirectHandler, Request, build_opener
from weakref import WeakSet

from graft.apps.predict.inputs import row_name
from graft.core.addresses import shown
from graft.core.errors import SourceError, install

LIMIT = 64 * 2**20
"""Bytes that a picture at an address may have."""
SILENCE = 10.0
"""Seconds without a byte after which a server is given up."""
PATIENCE = 60.0
"""Seconds that a picture may take in all."""
PIECE = 2**16
SAFE = "%/:@!$&'()*+,;=~[]?"
"""Characters of a path or a query that stay as they are."""


def fetch(uri: str, limit: int = LIMIT, silence: float = SILENCE, patience: float = PATIENCE) -> bytes:
    """Fetch what lies at an address.

    Args:
        uri: ``http(s)://``, or any address that fsspec reads, where that is installed.
        limit: bytes it may have.
        silence: seconds without a byte after which the server is given up.
        patience: seconds it may take in all.

    Raises:
        SourceError: says why it cannot be had, in one line; not where, which the caller knows.
    """
    until = time.monotonic() + patience
    try:
        with _open(uri, silence) as stream:
            return _bounded(stream, limit, until, patience)
    except SourceError:
        raise
    except HTTPError as error:
        error.close()
        raise SourceError(f"the server answers {error.code} {error.reason}".rstrip()) from error
    except (OSError, HTTPException, ValueError) as error:
        cause = error.reason if isinstance(error, URLError) else error
        if isinstance(cause, TimeoutError):
            raise SourceError(f"no answer within {silence:g} s") from error
        raise SourceError(f"cannot be fetched: {type(cause).__name__}: {cause}".replace("\n", " ")) from error


def _bounded(stream: IO[bytes], limit: int, until: float, patience: float) -> bytes:
    pieces: list[bytes] = []
    size = 0
    read = getattr(stream, "read1", stream.read)  # what is there, where that can be asked for: so time is looked at
    while piece := read(PIECE):
        pieces.append(piece)
        size += len(piece)
        if size > limit:
            raise SourceError(f"has more than {limit} bytes, which is too much for a picture")
        if time.monotonic() > until:
            raise SourceError(f"is not there after {patience:g} s")
    return b"".join(pieces)


def _open(uri: str, silence: float) -> Any:
    scheme = uri.partition("://")[0].lower()
    if scheme in ("http", "https"):
        # `build_opener` also knows ftp and files: neither gets here, by address or by redirect
        return build_opener(_NoDowngrade).open(_request(uri), timeout=silence)
    try:
        import fsspec  # late: only for addresses of its kind

        return fsspec.open(uri, "rb").open()
    except ImportError as error:
        extra = scheme if scheme in ("s3", "gs", "hf") else "pipeline"
        raise SourceError(f"{scheme}:// needs a package that is missing: {install(extra)}") from error
    except Exception as error:  # each store has errors of its own
        raise SourceError(f"cannot be fetched: {type(error).__name__}: {error}".replace("\n", " ")) from error


def _request(uri: str) -> Request:
    parts = urlsplit(uri)
    headers = {"User-Agent": "graft"}
    if parts.username is not None:  # urllib takes a login for a part of the host's name
        login = f"{unquote(parts.username)}:{unquote(parts.password or '')}"
        headers["Authorization"] = f"Basic {b64encode(login.encode()).decode()}"
    return Request(urlunsplit(_plain(parts)), headers=headers)  # noqa: S310 - the scheme is known by now


def _plain(parts: SplitResult) -> SplitResult:
    """An address in the characters that HTTP has, without its login; what is quoted already stays as it is."""
    host = parts.netloc.rpartition("@")[2]
    if not host.isascii():
        host = host.encode("idna").decode()
    return parts._replace(netloc=host, path=quote(parts.path, SAFE), query=quote(parts.query, SAFE))


def _origin(uri: str) -> tuple[str, str | None, int | None]:
    """Scheme, host and port: whom a request goes to."""
    parts = urlsplit(uri)
    return parts.scheme, parts.hostname, parts.port or {"http": 80, "https": 443}.get(parts.scheme)


class _NoDowngrade(HTTPRedirectHandler):
    """Follows redirects, but not from https to what anyone on the way can forge, nor to ftp.

    A login is for the server that it was given for, and is not sent to another.
    """

    def redirect_request(
        self, req: Request, fp: IO[bytes], code: int, msg: str, headers: HTTPMessage, newurl: str
    ) -> Request | None:
        target = newurl.partition("://")[0].lower()
        if target not in ("http", "https") or (req.type == "https" and target != "https"):
            fp.close()
            raise SourceError(f"redirects to {shown(newurl)}, which is not followed from {req.type}")
        request = super().redirect_request(req, fp, code, msg, headers, newurl)
        if request is not None and _origin(newurl) != _origin(req.full_url):
            request.remove_header("Authorization")
        return request


AT_ONCE = 8
"""Addresses that are read from at once: while one server is waited for, others answer."""


class Remote:
    """A picture on its way; it can be read like an open file.

    Attributes:
        name: its address, without a password.
    """

    def __init__(self, uri: str, coming: Future[bytes]) -> None:
        self.name, self._coming = row_name(uri), coming

    def read(self) -> bytes:
        """Give the content, as soon as it is there.

        Raises:
            SourceError: it could not be fetched, or was given up.
        """
        try:
            return self._coming.result()
        except CancelledError as error:
            raise SourceError("was given up before it was there") from error


@contextmanager
def fetching() -> Iterator[Callable[[str], Remote]]:
    """Yield a function that begins to fetch an address; what is under way when the block ends is given up.

    At Ctrl-C it is given up at once: threads that wait for a picture are waited for in their turn, before
    the block ends.
    """
    fetchers = _Fetchers()
    with _at_ctrl_c(fetchers.stop):
        try:
            yield lambda uri: Remote(uri, fetchers.begin(uri))
        finally:
            fetchers.stop()


class _Fetchers:
    """Threads that fetch. Python does not wait for them at its exit, as it would for those of a pool."""

    def __init__(self) -> None:
        self._waiting: SimpleQueue[tuple[str, Future[bytes]] | None] = SimpleQueue()
        self._coming: WeakSet[Future[bytes]] = WeakSet()
        self._threads = 0

    def begin(self, uri: str) -> Future[bytes]:
        coming: Future[bytes] = Future()
        self._coming.add(coming)
        self._waiting.put((uri, coming))
        if self._threads < AT_ONCE:
            self._threads += 1
            threading.Thread(target=self._work, name=f"fetch_{self._threads}", daemon=True).start()
        return coming

    def stop(self) -> None:
        for coming in list(self._coming):
            coming.cancel()
        for _ in range(self._threads):
            self._waiting.put(None)

    def _work(self) -> None:
        while (entry := self._waiting.get()) is not None:
            _settle(*entry)
            del entry  # or the last picture would be kept while the next is waited for


def _settle(uri: str, coming: Future[bytes]) -> None:
    if coming.cancelled():
        return
    with suppress(InvalidStateError):  # given up meanwhile
        try:
            content = fetch(uri)
        except Exception as error:  # whoever reads it is told
            coming.set_exception(error)
        else:
            coming.set_result(content)


@contextmanager
def _at_ctrl_c(stop: Callable[[], None]) -> Iterator[None]:
    """Call `stop` before what Ctrl-C does otherwise, where signals arrive: in the main thread."""
    before = signal.getsignal(signal.SIGINT)
    if threading.current_thread() is not threading.main_thread() or not callable(before):
        yield
        return
    usual = before

    def handle(*given: object) -> None:
        stop()
        usual(*given)  # type: ignore[arg-type]

    signal.signal(signal.SIGINT, handle)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, usual)
