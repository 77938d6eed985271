"""An image at an address: fetched whole, bounded in size and time."""

import time
from base64 import b64encode
from http.client import HTTPException, HTTPMessage
from typing import IO, Any
from urllib.error import HTTPError, URLError
from urllib.parse import quote, unquote, urlsplit, urlunsplit
from urllib.request import HTTPRedirectHandler, Request, build_opener

from graft.core.addresses import shown
from graft.core.errors import SourceError, install

SAFE = "%/:@!$&'()*+,;=~[]?"  # characters of a path or a query that stay as they are


def fetch(uri: str, max_bytes: int = 64 * 2**20, read_timeout: float = 10.0, total_timeout: float = 60.0) -> bytes:
    """Fetch what lies at an address: ``http(s)://``, or any that fsspec reads, where that is installed.

    A server is given up after `read_timeout` seconds without a byte, and after `total_timeout` seconds in all.

    Raises:
        SourceError: says why it cannot be had, in one line; not where, which the caller knows.
    """
    deadline = time.monotonic() + total_timeout
    chunks, size = list[bytes](), 0
    try:
        with _open(uri, read_timeout) as stream:
            read = getattr(stream, "read1", stream.read)  # what is there, where that can be asked for: see the deadline
            while chunk := read(2**16):
                chunks.append(chunk)
                size += len(chunk)
                if size > max_bytes:
                    raise SourceError(f"has more than {max_bytes} bytes, which is too much for a picture")
                if time.monotonic() > deadline:
                    raise SourceError(f"is not there after {total_timeout:g} s")
    except HTTPError as error:
        error.close()
        raise SourceError(f"the server answers {error.code} {error.reason}".rstrip()) from error
    except (OSError, HTTPException, ValueError) as error:
        cause = error.reason if isinstance(error, URLError) else error
        if isinstance(cause, TimeoutError):
            raise SourceError(f"no answer within {read_timeout:g} s") from error
        raise SourceError(_reason(cause)) from error
    return b"".join(chunks)


def _open(uri: str, read_timeout: float) -> Any:
    scheme = uri.partition("://")[0].lower()
    if scheme in ("http", "https"):
        # `build_opener` also knows ftp and files: neither gets here, by address or by redirect
        return build_opener(_SafeRedirects).open(_request(uri), timeout=read_timeout)
    try:
        import fsspec  # late: only for addresses of its kind

        return fsspec.open(uri, "rb").open()
    except ImportError as error:
        extra = scheme if scheme in ("s3", "gs", "hf") else "pipeline"
        raise SourceError(f"{scheme}:// needs a package that is missing: {install(extra)}") from error
    except Exception as error:  # each store has errors of its own
        raise SourceError(_reason(error)) from error


def _reason(cause: object) -> str:
    return f"cannot be fetched: {type(cause).__name__}: {cause}".replace("\n", " ")


def _request(uri: str) -> Request:
    """Ask for an address in the characters that HTTP has; what is quoted already stays as it is."""
    parts = urlsplit(uri)
    headers = {"User-Agent": "graft"}
    if parts.username is not None:  # urllib takes a login for a part of the host's name
        login = f"{unquote(parts.username)}:{unquote(parts.password or '')}"
        headers["Authorization"] = f"Basic {b64encode(login.encode()).decode()}"
    host = parts.netloc.rpartition("@")[2]
    host = host if host.isascii() else host.encode("idna").decode()
    plain = parts._replace(netloc=host, path=quote(parts.path, SAFE), query=quote(parts.query, SAFE))
    return Request(urlunsplit(plain), headers=headers)  # noqa: S310 - the scheme is known by now


def _origin(uri: str) -> tuple[str, str | None, int | None]:
    """Scheme, host and port: whom a request goes to."""
    parts = urlsplit(uri)
    return parts.scheme, parts.hostname, parts.port or {"http": 80, "https": 443}.get(parts.scheme)


class _SafeRedirects(HTTPRedirectHandler):
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
