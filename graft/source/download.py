"""Bring one file from an address to this machine: verified, and whole or not there at all.

fsspec does the transfer, over http(s) and from every store it knows (s3, gs, hf, ...).
"""

import errno
import hashlib
import importlib.util
import logging
import re
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

import aiohttp
import fsspec
from filelock import FileLock, Timeout
from fsspec.callbacks import Callback
from tenacity import Retrying, retry_if_exception_type, stop_after_attempt, wait_exponential_jitter

from graft.core.addresses import PACKAGE, is_remote, shown
from graft.core.errors import SourceError, install
from graft.core.files import new_file
from graft.core.files import sha256 as sha256_of
from graft.core.progress import bar

DOWNLOADS = Path(".graft/downloads")  # where files are kept between runs; ignored by git and DVC
EXTRAS = {"s3": "s3", "s3a": "s3", "gs": "gs", "gcs": "gs", "hf": "hf"}  # extras with what a protocol needs

WEB_ADDRESS = ("http://", "https://")
WEB: dict[str, Any] = {
    # the bytes as they are stored, so that size and sha256 mean the file itself
    "headers": {"Accept-Encoding": "identity", "User-Agent": "graft"},
    "client_kwargs": {
        "auto_decompress": False,
        "timeout": aiohttp.ClientTimeout(total=None, sock_connect=60, sock_read=60),
        "trust_env": True,  # proxies, and logins from ~/.netrc
    },
}
"""Options of fsspec for http(s). aiohttp hands no login on to another host."""

TRIES = 5
WAIT = wait_exponential_jitter(initial=1, max=60)

ADVICE = {
    401: "it wants a login; fetch the file yourself and name it in its place",
    403: "it refuses access; has a signed address expired, or does it want a login?",
    410: "what lay at this address is gone for good",
}
REASONS: tuple[tuple[type[Exception], str, bool], ...] = (
    (FileNotFoundError, "nothing lies at this address", False),
    (PermissionError, "no access", False),
    (aiohttp.ClientSSLError, "its certificate cannot be trusted", False),
    (aiohttp.ClientConnectorDNSError, "its host is unknown; is it spelt correctly, is this machine online?", False),
    (aiohttp.ClientConnectorError, "its host cannot be reached", True),
    (TimeoutError, "no answer in time", True),
    (ValueError, "is no valid address", False),
    (OSError, "the connection broke off", True),
    (aiohttp.ClientError, "the connection broke off", True),
)
"""What a failure means, and whether another try may go better; the first that fits counts."""

log = logging.getLogger(__name__)


class InterruptedFetchError(SourceError):
    """A failure of the moment: another try may go better."""


def local_path(uri: str, downloads: Path = DOWNLOADS, sha256: str | None = None, size: int | None = None) -> Path:
    """Return the path on this machine of what `uri` names, as `fetch_file` or `locate` does."""
    return fetch_file(uri, downloads, sha256, size) if is_remote(uri) else locate(uri)


def locate(uri: str) -> Path:
    """Return the local path that `uri` names: ``package://NAME/PATH`` in an installed Python package, or a path.

    Raises:
        SourceError: the package is not installed, or nothing lies at the path.
    """
    if uri.startswith("file://"):
        raise SourceError(f"{uri}: write the path itself, without file://")
    try:
        path = _in_package(uri) if uri.startswith(PACKAGE) else Path(uri).expanduser()
    except RuntimeError as error:
        raise SourceError(f"{uri}: there is no such user") from error
    if not path.exists():
        raise SourceError(f"{uri}: nothing lies at {path}")
    return path


def fetch_file(uri: str, folder: Path, sha256: str | None = None, size: int | None = None) -> Path:
    """Fetch the file at an address and return where it lies, in a folder of its own below `folder`.

    A file that lies there already and has the sha256 wanted is not fetched again; one of another sha256 or
    size in bytes is refused.

    Raises:
        SourceError: names the address and the reason.
    """
    home = folder / hashlib.sha256(uri.encode()).hexdigest()[:16]
    path = home / _file_name(uri)
    home.mkdir(parents=True, exist_ok=True)
    try:
        with FileLock(home / ".lock", timeout=0):
            if sha256 is None or not path.is_file() or sha256_of(path) != sha256:
                with new_file(path) as partial:
                    _fetch(uri, partial, size)
                    _verify(uri, partial, sha256, size)
    except Timeout as error:
        raise SourceError(f"{shown(uri)}: another process is fetching it; wait for it to end") from error
    return path


def _in_package(uri: str) -> Path:
    name, _, inner = uri.removeprefix(PACKAGE).partition("/")
    if not name.isidentifier():
        raise SourceError(f"{uri}: {name!r} is no package name; expected {PACKAGE}NAME/PATH")
    # find_spec, unlike an import, runs none of the package's code
    spec = None if name == "__main__" else importlib.util.find_spec(name)
    if spec is None or not spec.submodule_search_locations:
        dist = name.replace("_", "-")
        raise SourceError(f"{uri}: the package {name!r} is not installed; try `pip install {dist}`")
    root = Path(spec.submodule_search_locations[0]).resolve()
    path = (root / inner).resolve()
    if not path.is_relative_to(root):
        raise SourceError(f"{uri}: {inner!r} leads out of the package")
    return path


def _file_name(uri: str) -> str:
    """Return a plain file name for what lies at an address."""
    try:
        last = unquote(urlsplit(uri).path).rstrip("/").rpartition("/")[2]
    except ValueError as error:
        raise SourceError(f"{shown(uri)}: is no valid address") from error
    return re.sub(r"[^\w.-]", "_", last, flags=re.ASCII).lstrip(".")[-100:] or "file"


def _fetch(uri: str, path: Path, size: int | None) -> None:
    for attempt in Retrying(
        stop=stop_after_attempt(TRIES),
        wait=WAIT,
        retry=retry_if_exception_type(InterruptedFetchError),
        before_sleep=lambda state: log.warning("%s; trying again", state.outcome and state.outcome.exception()),
        reraise=True,
    ):
        with attempt:
            try:
                _transfer(uri, path, size)
            except SourceError:
                raise
            except Exception as error:  # each store has errors of its own
                raise _explained(uri, error) from error


def _transfer(uri: str, path: Path, size: int | None) -> None:
    if uri.lower().startswith(WEB_ADDRESS):
        system, remote = fsspec.filesystem("http", **WEB), uri
    else:
        system, remote = fsspec.url_to_fs(uri)
        if system.isdir(remote):
            raise SourceError(f"{shown(uri)}: is a folder; name one archive, or copy the folder here and name the copy")
    with bar(f"fetch {_file_name(uri)}", None, unit="B") as progress:

        def on_progress(total: int | None, done: int) -> None:
            if size is not None and done and (total not in (None, size) or done > size):
                raise SourceError(f"{shown(uri)}: has {total or 'more'} bytes; {size} are expected")
            progress.total = total
            progress.update(done - progress.n)

        system.get_file(remote, str(path), callback=Callback(hooks={"progress": on_progress}))


def _explained(uri: str, error: Exception) -> SourceError:
    """Return the error to raise for a failed transfer; it tells neither login nor query of the address."""
    # errors of aiohttp may quote the whole address
    detail = "" if uri.lower().startswith(WEB_ADDRESS) else f": {error}"
    if isinstance(error, aiohttp.TooManyRedirects):
        reason, again = "leads in a circle of redirects", False
    elif isinstance(error, aiohttp.ClientResponseError):
        again = error.status >= 500 or error.status in (408, 425, 429)
        advice = ADVICE.get(error.status, "is the address correct?")
        reason = f"the server answers {error.status} {error.message}: {advice}"
    elif isinstance(error, ImportError):
        protocol, again = uri.partition("://")[0], False
        how = install(EXTRAS[protocol]) if protocol in EXTRAS else str(error)
        reason = f"{protocol}:// needs a library that is not installed: {how}"
    elif isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT):
        reason, again = f"the disk is full: {error.strerror}", False
    else:
        found = (entry[1:] for entry in REASONS if isinstance(error, entry[0]))
        reason, again = next(found, (type(error).__name__, False))
        reason += detail
    return (InterruptedFetchError if again else SourceError)(f"{shown(uri)}: {reason}")


def _verify(uri: str, path: Path, sha256: str | None, size: int | None) -> None:
    digest = sha256_of(path) if sha256 else None
    for name, value, wanted in (("size in bytes", path.stat().st_size, size), ("sha256", digest, sha256)):
        if wanted not in (None, value):
            text = "It was damaged on the way, or has changed where it comes from; what came was removed"
            raise SourceError(f"{shown(uri)}: its {name} is {value}; expected was {wanted}. {text}")
