"""A file at an address, read from some byte on; and what may go wrong on the way."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from urllib.parse import urlsplit

from graft.core.errors import SourceError

CHUNK = 2**20

ADDRESS = re.compile(
    r"(?P<protocol>[A-Za-z][A-Za-z0-9+.-]*://)(?P<login>[^/?#]*@)?(?P<place>[^?#]*)(?P<query>.*)", re.S
)
SECRET = re.compile(r"sig|token|key|secret|pass|credential|auth", re.IGNORECASE)
"""Stands in the names of what a query should not give away."""


@dataclass(frozen=True, slots=True)
class Facts:
    """What tells one state of a remote file from another."""

    mark: str | None = None
    """ETag, time of change, or what else the server offers; None where it offers nothing."""
    size: int | None = None
    """Bytes of the whole file; None where the server does not say."""


@dataclass(frozen=True, slots=True)
class Stream:
    """An open remote file."""

    start: int
    """The byte that `read` gives first: the one asked for, or 0 where the server cannot skip."""
    facts: Facts
    read: Callable[[], bytes]
    """Gives the next piece; empty at the end."""


class InterruptedFetchError(SourceError):
    """A failure of the moment: another try may go better."""


def shown(uri: str) -> str:
    """Return an address as it may be printed and published: without login, query or fragment; a path as it is."""
    parts = ADDRESS.match(uri)
    return f"{parts['protocol']}{parts['place']}" if parts else uri


def masked(uri: str) -> str:
    """Return an address as it may stand for what lies there, told apart by its query: without its password."""
    password = urlsplit(uri).password
    return uri.replace(f":{password}@", ":***@", 1) if password else uri


def has_secret(uri: str) -> bool:
    """Whether an address carries a login, or a query that looks like a signature or a token."""
    parts = ADDRESS.match(uri)
    return parts is not None and bool(parts["login"] or SECRET.search(parts["query"]))
